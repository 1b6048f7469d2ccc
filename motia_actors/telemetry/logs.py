"""Write log lines: to stderr for whoever looks now, to a bounded buffer for the journal.

A line is one JSON object with `level time traceId flows step msg`, the `attempt` of an event's
run, and the fields of the call beside them. Nothing a caller passes makes logging fail: what has
no JSON form is shown by its `repr`, what is too long is cut, what cannot be written is counted in
`dropped`.
"""

from __future__ import annotations

import logging
import os
import sys
import traceback
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TextIO, cast

import msgspec

from motia_actors.clock import Clock, SystemClock
from motia_actors.errors import SettingsError
from motia_actors.telemetry.redaction import Redactor
from motia_actors.telemetry.terminal import readable, without_colours
from motia_actors.threads import allocate_lock

Level = Literal["debug", "info", "warn", "error"]
LEVELS: Mapping[str, int] = {"debug": 10, "info": 20, "warn": 30, "error": 40}
RESERVED = frozenset({"level", "time", "traceId", "flows", "step", "attempt", "msg"})
RECORDS_MAX = 10_000
LINE_BYTES_MAX = 16_384


class LogRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to log.

    `step` is the step's name, `attempt` counts the runs of an event from 1 (0: it is none),
    `fields` are whatever the caller gave.
    """

    level: Level
    at_s: float
    message: object
    trace_id: str = ""
    flows: tuple[str, ...] = ()
    step: str = ""
    attempt: int = 0
    fields: object = None


class LogSink:
    """Takes records of all threads. `dropped` counts those that were lost, on either road.

    Args:
        level: Records below it are left out.
        stream: Where lines are printed; None: stderr.
        is_terminal: Print for people, not JSON; None: where the stream is a terminal.
        records_max: Lines that may wait for `drain`.
        line_bytes_max: What is longer is cut.
        redactor: Hides secrets.
        explain: What to print for people below a line, such as the code it tells of. It stands in
            for the stack, and is neither kept nor part of the JSON.
    """

    def __init__(
        self,
        *,
        level: str = "info",
        stream: TextIO | None = None,
        is_terminal: bool | None = None,
        records_max: int = RECORDS_MAX,
        line_bytes_max: int = LINE_BYTES_MAX,
        redactor: Redactor | None = None,
        explain: Callable[[Mapping[str, Any]], str] | None = None,
    ) -> None:
        if level.lower() not in LEVELS:
            raise SettingsError(f"LOG_LEVEL is {level!r}; it may be {', '.join(LEVELS)}")
        self._level = LEVELS[level.lower()]
        self._stream = sys.stderr if stream is None else stream
        self._is_terminal = self._stream.isatty() if is_terminal is None else is_terminal
        self._line_bytes_max = line_bytes_max
        self._records: deque[bytes] = deque(maxlen=records_max)
        self._lock = allocate_lock()
        self._redactor = redactor or Redactor()
        self._explain = explain
        self._has_colours = not os.environ.get("NO_COLOR")
        self.dropped = 0

    def takes(self, level: str) -> bool:
        """Tell whether a record of the level would be kept: ask before making one."""
        return LEVELS.get(level, 20) >= self._level

    def write(self, record: LogRecord) -> None:
        """Print the record and keep it for the journal, unless its level is filtered."""
        if not self.takes(record.level):
            return
        line = self._redactor.line(encode_line(record, bytes_max=self._line_bytes_max))
        text = self._for_people(line) if self._is_terminal else line.decode() + "\n"
        with self._lock:
            if len(self._records) == self._records.maxlen:
                self.dropped += 1
            self._records.append(line)
            try:
                self._stream.write(text)
                self._stream.flush()
            except (OSError, ValueError):  # The other end is gone or closed; logging goes on.
                self.dropped += 1

    def _for_people(self, line: bytes) -> str:
        told: dict[str, Any] = msgspec.json.decode(line)
        more = "" if self._explain is None else self._explain(told)
        error = told.get("error")
        if more and isinstance(error, dict):
            told["error"] = {name: value for name, value in error.items() if name != "stack"}
        text = readable(told) + more
        return text if self._has_colours else without_colours(text)

    def drain(self, *, count_max: int = RECORDS_MAX) -> list[bytes]:
        """Take up to count_max of the oldest lines not yet taken, as JSON."""
        with self._lock:
            count = min(count_max, len(self._records))
            return [self._records.popleft() for _ in range(count)]


class SinkHandler(logging.Handler):
    """Sends Python's own `logging` records to a sink: for the logger `motia_actors`."""

    def __init__(self, sink: LogSink, *, clock: Clock | None = None) -> None:
        super().__init__()
        self._sink = sink
        self._clock = SystemClock() if clock is None else clock

    def handle(self, record: logging.LogRecord) -> bool:
        """Write record without the handler's lock, which gevent may have replaced."""
        if not self.filter(record):
            return False
        self.emit(record)
        return True

    def emit(self, record: logging.LogRecord) -> None:
        """Translate record: a level between ours counts as the one below it.

        The mapping that `extra={"fields": …}` gives adds its items; `step`, `traceId` and `flows`
        among them go to their own places.
        """
        names = [name for name, number in LEVELS.items() if number <= record.levelno]
        level = cast("Level", names[-1] if names else "debug")
        if not self._sink.takes(level):
            return
        fields: dict[str, object] = {"logger": record.name, **getattr(record, "fields", {})}
        if record.exc_info is not None and record.exc_info[1] is not None:
            fields["error"] = record.exc_info[1]
        try:
            message = record.getMessage()
        except (TypeError, ValueError):  # As the standard library: a wrong format is no crash.
            message = f"{record.msg} {record.args!r}"
        self._sink.write(
            LogRecord(
                level=level,
                at_s=self._clock.now_s(),
                message=message,
                step=str(fields.pop("step", "")),
                trace_id=str(fields.pop("traceId", "")),
                flows=tuple(cast("Sequence[str]", fields.pop("flows", ()))),
                attempt=int(cast("int", fields.pop("attempt", 0))),
                fields=fields,
            )
        )


def fields_of(value: object) -> dict[str, object]:
    """Name what a logger's second argument adds: its items, its attributes, or `data`."""
    if value is None:
        return {}
    if isinstance(value, Mapping):
        return {str(key): item for key, item in value.items()}
    if isinstance(value, BaseException):
        return {"error": value}
    attributes = getattr(value, "__dict__", None)
    if isinstance(attributes, dict) and not isinstance(value, type):
        return {str(key): item for key, item in attributes.items()}
    return {"data": value}


def text_of(message: object) -> str:
    """Show a message that is no text; never raises."""
    return message if isinstance(message, str) else _shown(message)


def encode_fields(value: object) -> bytes:
    """Write what a logger's second argument adds as a JSON object; never raises."""
    return _encode(fields_of(value))


def encode_line(record: LogRecord, *, bytes_max: int = LINE_BYTES_MAX) -> bytes:
    """Write the record as JSON of at most bytes_max bytes; never raises.

    A field named like one of the line's own stands under that name and a `_`. A line over the
    limit loses its fields and the end of its message, and says so in `truncatedBytes`.
    """
    message = text_of(record.message)
    line: dict[str, object] = {
        "level": record.level,
        "time": int(record.at_s * 1000),
        "traceId": record.trace_id,
        "flows": record.flows,
        "step": record.step,
        "msg": message,
    }
    if record.attempt:
        line["attempt"] = record.attempt
    head = dict(line)
    for key, value in fields_of(record.fields).items():
        line[f"{key}_" if key in RESERVED else key] = value
    data = _encode(line)
    if len(data) <= bytes_max:
        return data
    # A character takes at most 6 bytes in JSON, and the names around it are short.
    head["msg"] = message[: max(0, (bytes_max - 512) // 6)]
    return _encode({**head, "truncatedBytes": len(data)})


def _encode(line: dict[str, object]) -> bytes:
    try:
        return _encoder.encode(line)
    except Exception:  # noqa: BLE001 (boundary: fields are objects of the user)
        return _encoder.encode({_plain(key): _printable(item) for key, item in line.items()})


def _printable(value: object) -> object:
    try:
        _encoder.encode(value)
    except Exception:  # noqa: BLE001 (boundary: fields are objects of the user)
        return _plain(value) if isinstance(value, str) else _plain(_shown(value))
    return value


def _plain(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


def _shown(value: object) -> str:
    try:
        return str(value) if isinstance(value, str | int | float) else repr(value)
    except Exception:  # noqa: BLE001 (boundary: `__repr__` is the user's)
        return f"<{type(value).__name__} without repr>"


def _other(value: object) -> object:
    """Show in a log what JSON does not know."""
    if isinstance(value, BaseException):
        stack = "".join(traceback.format_tb(value.__traceback__))
        return {"name": type(value).__name__, "message": str(value), "stack": stack}
    dump = getattr(value, "model_dump", None)
    if callable(dump):
        return dump(mode="json")
    attributes = getattr(value, "__dict__", None)
    if isinstance(attributes, dict) and not isinstance(value, type) and not callable(value):
        return attributes
    return repr(value)


_encoder = msgspec.json.Encoder(enc_hook=_other)
