"""The rows of the queues and the changes one delivery goes through, inside a transaction.

events: number(8) -> refs(4), event as msgpack: one body for all steps it went to.
due: step8 due(8) number(8) -> Row, tag: waiting, delayed, retrying and leased in ONE order, because
    a lease is a delivery that is due later. No recovery is needed after a crash.
groups: step8 name16(group) number(8) -> event(8) due(8) tag: whole backlog of a FIFO group, of
    which only the first is in `due` too.
scheduled: tag step8 number(8) -> due(8) group(16): where the deliveries of an event are that can
    be cancelled, its tag being name16(event id), and those of a burst, with pair16(step, its key)
    and no group. The tag of all others is empty.
leases: owner(8) step8 due(8) number(8) -> nothing: what each process holds.
steps: step8 -> queued(8) dead(8) step text.
"""

from __future__ import annotations

import struct

import msgspec

from motia_actors.messages import Event, Trace
from motia_actors.stores.lmdb import keys
from motia_actors.stores.lmdb.env import Tables
from motia_actors.stores.lmdb.transaction import Transaction
from motia_actors.stores.lmdb.work import Work, first_with

NOBODY = b"\0" * 8
NO_GROUP = b"\0" * 16

_row = struct.Struct(">8sQ8sI16s")
_refs = struct.Struct(">I")
_ROW_BYTES = _row.size


class Row(msgspec.Struct, frozen=True):
    """A delivery in `due`: `lease` is the number of the running lease, 0 where there is none."""

    event: bytes
    lease: int
    owner: bytes
    attempt: int
    group: bytes
    tag: bytes

    def pack(self) -> bytes:
        """Write it as a record."""
        fixed = _row.pack(self.event, self.lease, self.owner, self.attempt, self.group)
        return fixed + self.tag

    @classmethod
    def unpack(cls, record: bytes) -> Row:
        """Read what pack wrote."""
        event, lease, owner, attempt, group = _row.unpack_from(record)
        return cls(event, lease, owner, attempt, group, record[_ROW_BYTES:])

    def is_held(self, due: bytes, *, now_s: float) -> bool:
        """A lease that has not run out holds it; due is that of its key."""
        return bool(self.lease) and keys.to_time(due) > now_s

    def freed(self, attempt: int) -> Row:
        """The same delivery without its lease."""
        return Row(self.event, 0, NOBODY, attempt, self.group, self.tag)


class Body(msgspec.Struct, array_like=True):
    """An event as it is kept; names are bytes so that any text will do."""

    id: bytes
    topic: bytes
    data: bytes
    trace_id: bytes
    flows: list[bytes]
    group_id: bytes | None
    put_s: float = 0.0
    trace: Trace | None = None


_encoder = msgspec.msgpack.Encoder()
_body_decoder = msgspec.msgpack.Decoder(Body)


def body_of(event: Event) -> Body:
    """Make the event's body, on the thread that commits it."""
    return Body(
        id=keys.to_bytes(event.id),
        topic=keys.to_bytes(event.topic),
        data=event.data,
        trace_id=keys.to_bytes(event.trace_id),
        flows=[keys.to_bytes(flow) for flow in event.flows],
        group_id=None if event.group_id is None else keys.to_bytes(event.group_id),
        trace=event.trace,
    )


def put_body(work: Work, body: Body, *, refs: int, put_s: float | None = None) -> bytes:
    """Keep a body for refs deliveries, put now if not at put_s; answers its number."""
    number = keys.number(work.next_number())
    body.put_s = work.now_s if put_s is None else put_s
    record = _refs.pack(refs) + _encoder.encode(body)
    work.txn.put(number, record, db=work.tables.events)
    return number


def change_body(work: Work, number: bytes, data: bytes) -> bytes:
    """Give one of those who refer to a body a body of its own with other data."""
    record = work.txn.get(number, db=work.tables.events)
    assert record is not None, "a body lives as long as something refers to it"
    body = _body_decoder.decode(memoryview(record)[4:])
    body.data = data
    drop_body(work, number)
    changed = keys.number(work.next_number())
    record = _refs.pack(1) + _encoder.encode(body)
    work.txn.put(changed, record, db=work.tables.events)
    return changed


def read_event(txn: Transaction, tables: Tables, number: bytes) -> tuple[Event, float]:
    """Read a body back: the event, and when it was put."""
    record = txn.get(number, db=tables.events)
    assert record is not None, "a body lives as long as something refers to it"
    body = _body_decoder.decode(memoryview(record)[4:])
    event = Event(
        id=keys.to_text(body.id),
        topic=keys.to_text(body.topic),
        data=body.data,
        trace_id=keys.to_text(body.trace_id),
        flows=tuple(keys.to_text(flow) for flow in body.flows),
        group_id=None if body.group_id is None else keys.to_text(body.group_id),
        trace=body.trace,
    )
    return event, body.put_s


def count(work: Work, step8: bytes, step: bytes, *, queued: int, dead: int = 0) -> None:
    """Add to a step's counts, which are written once for the whole transaction."""
    queued_before, dead_before = counts_of(work, step8)
    queued, dead = queued_before + queued, dead_before + dead
    assert min(queued, dead) >= 0, "nothing is counted out that was not counted in"
    work.counts[step8] = queued, dead, step


def counts_of(work: Work, step8: bytes) -> tuple[int, int]:
    """Read a step's counts as this transaction leaves them so far."""
    counted = work.counts.get(step8)
    return read_counts(work.txn, work.tables, step8) if counted is None else counted[:2]


def read_counts(txn: Transaction, tables: Tables, step8: bytes) -> tuple[int, int]:
    """Read how many deliveries of a step are queued, leased ones included, and how many died."""
    record = txn.get(step8, db=tables.steps)
    if record is None:
        return 0, 0
    queued, dead = keys.counts.unpack_from(record)
    return queued, dead


def step_text(record: bytes) -> str:
    """Read the step's id out of its row in `steps`."""
    return keys.to_text(record[keys.counts.size :])


def step_name(work: Work, step8: bytes) -> bytes:
    """Read the id of a step that has something."""
    counted = work.counts.get(step8)
    if counted is not None:
        return counted[2]
    record = work.txn.get(step8, db=work.tables.steps)
    assert record is not None, "a step with a delivery or a dead letter has its counts"
    return record[keys.counts.size :]


def put_delivery(
    work: Work, step8: bytes, event: bytes, *, due_s: float, group: bytes, tag: bytes = b""
) -> None:
    """Queue a delivery; in a FIFO group that has others before it, only at the group's end."""
    number, due = keys.number(work.next_number()), keys.time(due_s)
    if tag:
        work.txn.put(tag + step8 + number, due + group, db=work.tables.scheduled)
    if group != NO_GROUP:
        place = step8 + group
        is_first = first_with(work.txn, work.tables.groups, place) is None
        work.txn.put(place + number, event + due + tag, db=work.tables.groups)
        if not is_first:
            return
    row = Row(event, 0, NOBODY, 0, group, tag)
    work.txn.put(step8 + due + number, row.pack(), db=work.tables.due)


def due_key(place: bytes, where: bytes) -> bytes:
    """The key in `due` of a delivery, given its row in `scheduled`."""
    return place[16:24] + where[:8] + place[24:]


def group_key(place: bytes, where: bytes) -> bytes:
    """Its key in `groups`, where it waits behind others."""
    return place[16:24] + where[8:] + place[24:]


def move(work: Work, key: bytes, old: Row, new: Row, *, due_s: float) -> bytes:
    """Give a delivery, taken from the due, another due time and row; answers its new key."""
    moved = key[:8] + keys.time(due_s) + key[16:]
    _unlease(work, key, old)
    work.txn.put(moved, new.pack(), db=work.tables.due)
    if new.lease:
        work.txn.put(new.owner + moved, b"", db=work.tables.leases)
    if new.tag:
        place = new.tag + key[:8] + key[16:]
        work.txn.put(place, moved[8:16] + new.group, db=work.tables.scheduled)
    return moved


def _unlease(work: Work, key: bytes, row: Row) -> None:
    if row.lease:
        work.txn.delete(row.owner + key, db=work.tables.leases)


def finish(work: Work, key: bytes, row: Row) -> bool:
    """Take a delivery out of its queue for good; True where that let the next of its group go.

    Its row among the due was taken already.
    """
    _unlease(work, key, row)
    if row.tag:
        work.txn.delete(row.tag + key[:8] + key[16:], db=work.tables.scheduled)
    return _promote(work, key, row)


def _promote(work: Work, key: bytes, row: Row) -> bool:
    if row.group == NO_GROUP:
        return False
    place = key[:8] + row.group
    work.txn.delete(place + key[16:], db=work.tables.groups)
    following = first_with(work.txn, work.tables.groups, place)
    if following is None:
        return False
    event, due, tag = following[1][:8], following[1][8:16], following[1][16:]
    successor = Row(event, 0, NOBODY, 0, row.group, tag)
    work.txn.put(key[:8] + due + following[0][-8:], successor.pack(), db=work.tables.due)
    return True


def drop_body(work: Work, event: bytes) -> None:
    """Count one reference less, and forget the body with the last."""
    record = work.txn.pop(event, db=work.tables.events)  # Most have one reference.
    assert record is not None, "a body lives as long as something refers to it"
    refs = int.from_bytes(record[:4], "big") - 1
    if refs:
        work.txn.put(event, _refs.pack(refs) + record[4:], db=work.tables.events)
