"""What stands in the log: entries of commits, cut into messages that NATS can carry.

A message is a head and a part of an entry. The head names the process that proposed it (`origin`)
and counts its messages: so every reader can tell a message that came twice, or after one that
is missing, and passes both over alike.

head: version(1) flags(1) part(2) origin(8) number(8).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import msgspec

from motia_actors.errors import StoreError
from motia_actors.store import (
    Ack,
    Bury,
    CronFire,
    DeadPurge,
    DeadReplay,
    EventCancel,
    EventPut,
    Extend,
    JournalAppend,
    JournalClear,
    Lease,
    Release,
    Retry,
    StateClear,
    StateDelete,
    StateExpect,
    StateIncrement,
    StateSet,
    StateSwap,
    StateUpdate,
    StreamDelete,
    StreamSend,
    StreamSet,
    StreamUpdate,
    Sweep,
    Write,
)

VERSION = 1
ORIGIN_BYTES = 8
_MORE = 1
_PARTS_MAX = 2**16
_head = struct.Struct(">BBH8sQ")
_TYPED, _ESCAPED = b"\x01", b"\x02"
_TEXT = 1  # msgpack extension: text that UTF-8 cannot write, a lone surrogate in it


class ItemExpect(Write[None], frozen=True):
    """Refuse the commit unless the stream item is item; stands before its other writes."""

    stream: str
    group: str
    item_id: str
    item: bytes | None


class LockHold(Write[bool], frozen=True):
    """Take a lock for the proposer; answers whether it has it."""

    name: str


class LockDrop(Write[None], frozen=True):
    """Let go of a lock that the proposer holds."""

    name: str


class OwnerDead(Write[int], frozen=True):
    """Free what owner holds, if it said nothing after number; answers how many deliveries.

    A process that ends says it of itself, whatever the number.
    """

    owner: bytes
    number: int


class Import(Write[dict[str, int]], frozen=True):
    """Put all lines of a dump; answers how many of each kind there were.

    Refused where the store holds something, but for a merge.
    """

    dump: bytes
    is_merge: bool


AnyWrite = (
    Ack
    | Bury
    | CronFire
    | DeadPurge
    | DeadReplay
    | EventCancel
    | EventPut
    | Extend
    | JournalAppend
    | JournalClear
    | Lease
    | Release
    | Retry
    | StateClear
    | StateDelete
    | StateExpect
    | StateIncrement
    | StateSet
    | StateSwap
    | StateUpdate
    | StreamDelete
    | StreamSend
    | StreamSet
    | StreamUpdate
    | Sweep
    | ItemExpect
    | LockHold
    | LockDrop
    | OwnerDead
    | Import
)


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """Commits of one process, each of them all or none, at the proposer's time."""

    now_s: float
    commits: list[list[AnyWrite]]


class Message(msgspec.Struct, frozen=True):
    """One message of the log, at its place there: a part of an entry."""

    seq: int
    origin: bytes
    number: int
    part: int
    is_last: bool
    body: bytes


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Entry)


def encode(now_s: float, commits: Sequence[Sequence[Write[object]]]) -> bytes:
    """Write an entry."""
    try:
        return _TYPED + _encoder.encode((now_s, commits))
    except UnicodeEncodeError:
        plain = msgspec.to_builtins((now_s, commits), builtin_types=(bytes,))
        return _ESCAPED + _encoder.encode(_escaped(plain))


def decode(body: bytes) -> Entry:
    """Read an entry.

    Raises:
        StoreError: it is none, or holds what a later version of this program wrote.
    """
    try:
        if body[:1] == _TYPED:
            return _decoder.decode(memoryview(body)[1:])
        plain = msgspec.msgpack.decode(memoryview(body)[1:], ext_hook=_unescape)
        return msgspec.convert(plain, Entry)
    except (msgspec.MsgspecError, ValueError) as error:
        raise StoreError(
            f"an entry of the log cannot be read: {error}; every host must run a version of "
            f"motia_actors that knows what the newest one writes"
        ) from error


def cut(body: bytes, *, origin: bytes, number: int, message_bytes_max: int) -> list[bytes]:
    """Write an entry as messages, the first of them with this number."""
    size = message_bytes_max - _head.size
    starts = range(0, len(body), size)
    assert len(starts) < _PARTS_MAX, "value_bytes_max bounds an entry"
    return [
        _head.pack(VERSION, _MORE * (start + size < len(body)), part, origin, number + part)
        + body[start : start + size]
        for part, start in enumerate(starts)
    ]


def read(seq: int, data: bytes) -> Message:
    """Read a message of the log.

    Raises:
        StoreError: it is not one of ours.
    """
    if len(data) <= _head.size or data[0] != VERSION:
        raise StoreError(
            f"message {seq} of the log is not of version {VERSION} of motia_actors; "
            f"give each system its own name: nats://host?system=NAME"
        )
    _, flags, part, origin, number = _head.unpack_from(data)
    return Message(seq, origin, number, part, not flags & _MORE, data[_head.size :])


def number_of(data: bytes) -> int:
    """The number in a message that `cut` wrote."""
    number: int = _head.unpack_from(data)[4]
    return number


def _escaped(value: Any) -> Any:
    match value:
        case str():
            try:
                value.encode()
            except UnicodeEncodeError:
                return msgspec.msgpack.Ext(_TEXT, value.encode("utf-8", "surrogatepass"))
            return value
        case list() | tuple():
            return [_escaped(one) for one in value]
        case dict():
            return {key: _escaped(one) for key, one in value.items()}
        case _:
            return value


def _unescape(code: int, data: memoryview) -> object:
    if code != _TEXT:
        raise ValueError(f"no such extension: {code}")
    return bytes(data).decode("utf-8", "surrogatepass")
