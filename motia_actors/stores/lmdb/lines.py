"""The lines of a dump: JSON, one row each, after a header and before an end that counts them.

Streams, their items' ids, cron steps and kinds of the journal are kept as hashes alone, so that
a dump has their hashes too, as hexadecimal text.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

from motia_actors.errors import StoreCorruptError
from motia_actors.messages import Event, Trace

VERSION = 1
PROGRAM = "motia_actors"


class Line(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", omit_defaults=True):
    """One line; `kind` says which."""


class HeaderLine(Line, tag="header", frozen=True, kw_only=True):
    """The first line. Fields may be added in one version, a new version means something else."""

    format: str
    version: int


class EndLine(Line, tag="end", frozen=True, kw_only=True):
    """The last line: how many lines there were of each kind, and what could not be read."""

    counts: dict[str, int]
    lost: list[str] = []


class Valued(Line, frozen=True, kw_only=True):
    """Something with a value: as the JSON that it is, or as base64 where it is none."""

    value: Raw | UnsetType = UNSET
    value_base64: bytes | UnsetType = UNSET

    def content(self) -> bytes:
        """The value as it was kept."""
        if isinstance(self.value, Raw):
            return bytes(self.value)
        return b"" if isinstance(self.value_base64, UnsetType) else self.value_base64


class StateLine(Valued, tag="state", frozen=True, kw_only=True):
    """A value of the state; `end_s` is when it ends, in seconds since 1970, None is never."""

    group: str
    key: str
    end_s: float | None = None


class ItemLine(Valued, tag="item", frozen=True, kw_only=True):
    """An item of a stream, after those of its group that were created before it."""

    stream: str
    group: str
    place: str
    item: str


class EventLine(Valued, frozen=True, kw_only=True):
    """A line with an event; the value is its data. `step` is the one it went to.

    `burst` is the hash, in hexadecimal digits, of the step and key of a debounced one.
    """

    step: str
    id: str
    topic: str
    trace_id: str
    flows: tuple[str, ...] = ()
    group_id: str | None = None
    trace: Trace | None = None
    put_s: float
    is_fifo: bool = False
    is_scheduled: bool = False
    burst: str = ""

    def event(self) -> Event:
        """The event."""
        return Event(
            id=self.id,
            topic=self.topic,
            data=self.content(),
            trace_id=self.trace_id,
            flows=self.flows,
            group_id=self.group_id,
            trace=self.trace,
        )


class DeliveryLine(EventLine, tag="delivery", frozen=True, kw_only=True):
    """A queued delivery: one that was leased is due at once."""

    due_s: float
    attempt: int = 0


class LetterLine(EventLine, tag="dead", frozen=True, kw_only=True):
    """A dead letter."""

    attempts: int
    error: str
    stack: str = ""
    died_s: float


class SlotLine(Line, tag="slot", frozen=True, kw_only=True):
    """The last slot of a cron step that was claimed."""

    step: str
    slot_s: float


class DedupeLine(Line, tag="dedupe", frozen=True, kw_only=True):
    """Which event stands for others of its topic and key, both hashed, and until when."""

    pair: str
    end_s: float
    event_id: str


class RecordLine(Valued, tag="record", frozen=True, kw_only=True):
    """A record of the journal."""

    journal: str


AnyLine = (
    HeaderLine
    | EndLine
    | StateLine
    | ItemLine
    | DeliveryLine
    | LetterLine
    | SlotLine
    | DedupeLine
    | RecordLine
)
_ANY: Any = AnyLine
_decoder = msgspec.json.Decoder(_ANY)
_encoder = msgspec.json.Encoder()


def value_fields(value: bytes) -> dict[str, Any]:
    """Write a value as fields of a line."""
    try:
        value.decode()
        msgspec.json.decode(value)
        is_json = b"\n" not in value and value.strip() == value
    except (ValueError, RecursionError, msgspec.MsgspecError):
        is_json = False
    return {"value": Raw(value)} if is_json else {"value_base64": value}


def event_fields(event: Event) -> dict[str, Any]:
    """Write an event as fields of a line."""
    return {
        "id": event.id,
        "topic": event.topic,
        "trace_id": event.trace_id,
        "flows": event.flows,
        "group_id": event.group_id,
        "trace": event.trace,
        **value_fields(event.data),
    }


def kind_of(line: Line) -> str:
    """Name the kind of a line."""
    return str(type(line).__struct_config__.tag)


def encode(line: Line) -> bytes:
    """Write a line, its end included."""
    try:
        return _encoder.encode(line) + b"\n"
    except UnicodeEncodeError:
        # Names may hold half a surrogate pair, which only the standard library writes and reads.
        if isinstance(line, Valued):
            line = msgspec.structs.replace(line, value=UNSET, value_base64=line.content())
        return json.dumps(msgspec.to_builtins(line)).encode() + b"\n"


def decode(line: bytes, *, number: int) -> AnyLine:
    """Read a line; number counts lines from 1.

    Raises:
        StoreCorruptError: it is not a line of a dump.
    """
    try:
        try:
            read: AnyLine = _decoder.decode(line)
        except msgspec.ValidationError:
            raise
        except (msgspec.DecodeError, UnicodeDecodeError):
            read = msgspec.convert(json.loads(line), _ANY)
    except (ValueError, msgspec.MsgspecError) as error:
        raise StoreCorruptError(f"line {number} is not one of a dump: {error}") from error
    return read
