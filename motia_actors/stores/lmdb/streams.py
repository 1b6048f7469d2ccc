"""Streams in LMDB.

stream_items: pair16(stream, group) name16(id) -> creation number(8), data.
stream_groups: name16(stream) pair16(stream, group) -> group text.
changes: seq(8) -> Change as msgpack, a ring.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from motia_actors.messages import Change
from motia_actors.store import StreamDelete, Streams, StreamSend, StreamSet, StreamUpdate
from motia_actors.stores.limits import RingLimits
from motia_actors.stores.lmdb import keys, ring
from motia_actors.stores.lmdb.env import Environment
from motia_actors.stores.lmdb.transaction import Transaction
from motia_actors.stores.lmdb.work import Operation, Work, first_with, last_number

_Kind = Literal["create", "update", "delete", "event"]


class _Row(msgspec.Struct, array_like=True):
    """A change without its seq, which is its key; names are bytes so that any text will do."""

    at_s: float
    stream: bytes
    group: bytes
    item_id: bytes | None
    type: _Kind
    data: bytes


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Row)


def prepare(
    write: StreamSet | StreamUpdate | StreamDelete | StreamSend, *, limits: RingLimits
) -> Operation:
    """Make a write of a stream ready."""
    match write:
        case StreamSet():
            return _setting(write, limits)
        case StreamUpdate():
            return _updating(write, limits)
        case StreamDelete():
            return _deleting(write, limits)
        case StreamSend():
            return lambda work: _log(work, write, "event", write.data, limits)


def _setting(write: StreamSet, limits: RingLimits) -> Operation:
    place = keys.pair16(write.stream, write.group)
    key = place + keys.name16(write.item_id)
    group_key, group = keys.name16(write.stream) + place, keys.to_bytes(write.group)

    def apply(work: Work) -> str:
        old = work.txn.get(key, db=work.tables.stream_items)
        created = keys.number(work.next_number()) if old is None else old[:8]
        work.txn.put(key, created + write.data, db=work.tables.stream_items)
        kind: _Kind = "update"
        if old is None:
            kind = "create"
            work.txn.put(group_key, group, db=work.tables.stream_groups, overwrite=False)
        _log(work, write, kind, write.data, limits)
        return kind

    return apply


def _updating(write: StreamUpdate, limits: RingLimits) -> Operation:
    key = keys.pair16(write.stream, write.group) + keys.name16(write.item_id)

    def apply(work: Work) -> bytes | None:
        old = work.txn.get(key, db=work.tables.stream_items)
        data = write.applied_to(None if old is None else old[8:])
        if old is not None and data is not None:
            work.txn.put(key, old[:8] + data, db=work.tables.stream_items)
            _log(work, write, "update", data, limits)
        return data

    return apply


def _deleting(write: StreamDelete, limits: RingLimits) -> Operation:
    place = keys.pair16(write.stream, write.group)
    key = place + keys.name16(write.item_id)
    group_key = keys.name16(write.stream) + place

    def apply(work: Work) -> bytes | None:
        old = work.txn.pop(key, db=work.tables.stream_items)
        if old is None:
            return None
        if first_with(work.txn, work.tables.stream_items, place) is None:
            work.txn.delete(group_key, db=work.tables.stream_groups)
        _log(work, write, "delete", old[8:], limits)
        return old[8:]

    return apply


def _log(
    work: Work,
    write: StreamSet | StreamUpdate | StreamDelete | StreamSend,
    kind: _Kind,
    data: bytes,
    limits: RingLimits,
) -> None:
    row = _Row(
        at_s=work.now_s,
        stream=keys.to_bytes(write.stream),
        group=keys.to_bytes(write.group),
        item_id=None if write.item_id is None else keys.to_bytes(write.item_id),
        type=kind,
        data=data,
    )
    ring.append(work, work.tables.changes, _encoder.encode(row), limits=limits)
    work.streams.add(write.stream)


class LmdbStreams(Streams):
    """Reads of the streams, each from a snapshot of its own."""

    def __init__(self, env: Environment) -> None:
        self._env = env

    def get(self, stream: str, group: str, item_id: str) -> bytes | None:
        """The item, or None where there is none."""
        key = keys.pair16(stream, group) + keys.name16(item_id)
        with self._env.read() as txn:
            record = txn.get(key, db=self._env.tables.stream_items)
        return None if record is None else record[8:]

    def group(self, stream: str, group: str) -> list[bytes]:
        """All items of the group, in the order in which they were created."""
        with self._env.read() as txn:
            return self._group(txn, stream, group)

    def snapshot(self, stream: str, group: str, item_id: str | None) -> tuple[int, list[bytes]]:
        """The seq of the newest change, and what the group or the item was with it: one moment."""
        with self._env.read() as txn:
            seq = last_number(txn, self._env.tables.changes)
            if item_id is None:
                return seq, self._group(txn, stream, group)
            key = keys.pair16(stream, group) + keys.name16(item_id)
            record = txn.get(key, db=self._env.tables.stream_items)
            return seq, [] if record is None else [record[8:]]

    def _group(self, txn: Transaction, stream: str, group: str) -> list[bytes]:
        rows = _values(txn, self._env.tables.stream_items, keys.pair16(stream, group))
        return [record[8:] for record in sorted(rows, key=lambda record: record[:8])]

    def groups(self, stream: str, *, count_max: int) -> list[str]:
        """Names of up to count_max groups that hold an item, sorted."""
        with self._env.read() as txn:
            names = _values(txn, self._env.tables.stream_groups, keys.name16(stream))
        return sorted(keys.to_text(name) for name in names)[:count_max]

    def changes(self, *, after_seq: int, count_max: int) -> list[Change]:
        """Changes of all streams with seq > after_seq, in order."""
        with self._env.read() as txn:
            rows = ring.rows_after(txn, self._env.tables.changes, after_seq, count_max=count_max)
        return [_change(seq, _decoder.decode(record)) for seq, record in rows]

    def last_seq(self) -> int:
        """The seq of the newest change, 0 before the first."""
        with self._env.read() as txn:
            return last_number(txn, self._env.tables.changes)


def _values(txn: Transaction, table: object, prefix: bytes) -> list[bytes]:
    values = []
    cursor = txn.cursor(table)
    if cursor.set_range(prefix):
        for key, value in cursor:
            if not key.startswith(prefix):
                break
            values.append(value)
    return values


def _change(seq: int, row: _Row) -> Change:
    return Change(
        seq=seq,
        at_s=row.at_s,
        stream=keys.to_text(row.stream),
        group=keys.to_text(row.group),
        item_id=None if row.item_id is None else keys.to_text(row.item_id),
        type=row.type,
        data=row.data,
    )
