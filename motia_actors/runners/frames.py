"""The frames between the runtime and a child process that runs steps: JSON, one value a line.

    to the child    load {id, file, version, what}        read a file; answered by done
                    warm {id, files}                      make files ready to be read
                    call {id, file, version, kind, input, bytes?, traceId, flows, trigger,
                          delivery, around?}: whose middleware goes before the step's own;
                          what is `around`: file is a config, and the step is asked by rpc `next`
                    fn {id, file, version, what, name, args}   call a function of a config
                    res {id, v | e}                        the reply to an rpc
                    pull {id}                              the next piece of a streamed body
                    streams {names}   cancel {id}   ping   exit
    to the parent   ready {}   pong {v}: bytes of memory   files {v}: what of the project it loaded
                    gone {id}                              a call that was cancelled has ended
                    done {id, v | e, b?, s?}               b: the body's bytes, base64
                                                           s: the body comes in pieces
                    piece {id, b? | e}                     the reply to pull; neither: the end
                    rpc {id, call, m, a}                   a method of `Effects` with arguments
                    log {call, l, m, f}

`t` names the kind. An error is `{name, message, code, stack?, where?, retryAfter?, isFinal?}`.
Nothing in them is of one language, so any child that speaks them can run steps.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from motia_actors.errors import MotiaError, PayloadError, UsageError
from motia_actors.messages import Failed
from motia_actors.payload import encode
from motia_actors.runners.failures import MESSAGE_CHARS_MAX, STACK_CHARS_MAX

FRAME_BYTES_MAX = 256 << 20
"""A child that sends a longer line is not one of ours any more."""

_WORD_END = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


class Frame(msgspec.Struct, kw_only=True):
    """What a child sends; which fields are set depends on `t`."""

    t: str
    id: int = 0
    call: int = 0
    m: Any = None
    a: list[Any] = []
    v: Any = None
    e: dict[str, Any] | None = None
    b: str | None = None
    s: bool = False
    level: str = msgspec.field(name="l", default="info")
    f: Any = None


_decoder = msgspec.json.Decoder(Frame)

# How each frame begins that somebody waits for: what can be told of one that cannot be read.
_HEAD = re.compile(rb'\{"t":"(\w+)","id":(\d+)(?:,"call":(\d+))?,')


def write(kind: str, /, **fields: object) -> bytes:
    """One line; raises PayloadError where a value has no JSON form."""
    return encode({"t": kind, **fields}) + b"\n"


def read(line: bytes) -> Frame:
    """One frame; where its values cannot be read, one that says so to whoever waits for it.

    Raises:
        PayloadError: it is no frame at all.
    """
    try:
        return _decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        head = _HEAD.match(line)
        if head is None:
            raise PayloadError(f"a child sent what is no frame: {line[:80]!r}") from error
        told = {"name": "PayloadError", "message": f"cannot read value: {error}", "code": "PAYLOAD"}
        return Frame(t=head[1].decode(), id=int(head[2]), call=int(head[3] or 0), e=told)


class Lines:
    """Bytes as they come, split into lines."""

    def __init__(self, bytes_max: int = FRAME_BYTES_MAX) -> None:
        self._parts: list[bytes] = []
        self._size = 0
        self._bytes_max = bytes_max

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The lines that data completes. Raises PayloadError over bytes_max."""
        head, *rest = data.split(b"\n")
        self._size += len(head)
        self._parts.append(head)
        if self._size > self._bytes_max:
            raise PayloadError(f"a child sent a frame of more than {self._bytes_max} bytes")
        for following in rest:
            yield b"".join(self._parts)
            self._parts, self._size = [following], len(following)


def told(error: BaseException) -> dict[str, Any]:
    """An error as it crosses to the child."""
    name = type(error).__name__
    code = _WORD_END.sub("_", name.removesuffix("Error")).upper() or "ERROR"
    described: dict[str, Any] = {"name": name, "message": str(error), "code": code}
    retry_after_s = getattr(error, "retry_after_s", None)
    if isinstance(error, MotiaError) and retry_after_s is not None:
        described["retryAfter"] = retry_after_s
    problems = getattr(error, "problems", None)
    if problems:
        described["problems"] = [{"field": field, "reason": reason} for field, reason in problems]
    return described


def failed(error: dict[str, Any]) -> Failed:
    """An error of the child's as the outcome of a call."""
    stack = str(error.get("stack") or "")
    return Failed(
        kind=str(error.get("name") or "Error"),
        message=str(error.get("message") or "")[:MESSAGE_CHARS_MAX],
        stack=stack[:STACK_CHARS_MAX],
        is_final=error.get("isFinal") is True,
        retry_after_s=error.get("retryAfter"),
    )


def broken(error: dict[str, Any]) -> UsageError:
    """An error of the child's, in the middle of a body that it makes."""
    return UsageError(f"{error.get('name') or 'Error'}: {error.get('message') or ''}")


def bytes_of(text: str) -> bytes:
    """The bytes that crossed as base64."""
    return base64.b64decode(text)


def returned(frame: Frame) -> Any:
    """The value of a done frame, with the body's bytes in their place."""
    if frame.b is not None and isinstance(frame.v, dict):
        frame.v["body"] = base64.b64decode(frame.b)
    return frame.v


def apart(value: Any) -> tuple[Any, str | None]:
    """The value a handler returned, and its body as base64 where that is bytes."""
    body = value.get("body") if isinstance(value, dict) else None
    if not isinstance(body, bytes | bytearray):
        return value, None
    return {**value, "body": None}, base64.b64encode(body).decode()


def restore_bytes(value: Any, places: list[list[str | int]]) -> None:
    """Put bytes back where `bytes_places` found them."""
    for *way, last in places:
        owner = value
        for part in way:
            owner = owner[part]
        owner[last] = base64.b64decode(owner[last])


def bytes_places(value: object, place: tuple[str | int, ...] = ()) -> list[list[str | int]]:
    """Where bytes are in value: they cross as base64 text, and become bytes again there."""
    match value:
        case bytes() | bytearray():
            return [list(place)]
        case dict():
            items: Iterator[tuple[Any, object]] = iter(value.items())
        case list() | tuple():
            items = iter(enumerate(value))
        case _:
            return []
    return [found for key, item in items for found in bytes_places(item, (*place, key))]
