"""Writes of the queues in LMDB: put, lease, settle, fire. `rows.py` has the schema."""

from __future__ import annotations

import struct

from motia_actors.errors import LeaseLostError
from motia_actors.messages import Delivery, Event, Target
from motia_actors.store import Ack, Bury, CronFire, EventPut, Extend, Lease, Release, Retry
from motia_actors.stores import limits
from motia_actors.stores.lmdb import keys, rows
from motia_actors.stores.lmdb.rows import NOBODY, Letter, Row
from motia_actors.stores.lmdb.work import Operation, Work

# A token is the delivery's key in `due` and the number of its lease, which is never reused:
# who comes late finds another number there, or no row at all.
_token = struct.Struct(">24sQ")

Settling = Ack | Retry | Release | Bury


def prepare_put(write: EventPut) -> Operation:
    """Make an event ready."""
    body = rows.body_of(write.event)
    group = None if write.event.group_id is None else keys.name16(write.event.group_id)
    targets = [
        (target, keys.step8(target.step), group if target.is_fifo else None)
        for target in write.targets
    ]

    def apply(work: Work) -> None:
        if not targets:
            return
        number = rows.put_body(work, body, refs=len(targets))
        for target, step8, fifo_group in targets:
            due_s = work.now_s + target.delay_s
            rows.put_delivery(work, step8, number, due_s=due_s, group=fifo_group)
            rows.count(work, step8, keys.to_bytes(target.step), queued=1)
            work.steps.add(target.step)

    return apply


def prepare_lease(write: Lease) -> Operation:
    """Make a lease ready."""
    step8 = keys.step8(write.step)

    def apply(work: Work) -> list[Delivery]:
        # First look, then move: what is moved must not be met again in the same walk.
        found: list[tuple[bytes, Row]] = []
        end = step8 + keys.time(work.now_s) + keys.NUMBER_MAX
        cursor = work.txn.cursor(work.tables.due)
        is_there = cursor.set_range(step8)
        while is_there and len(found) < write.count_max and cursor.key() <= end:
            found.append((cursor.key(), Row.unpack(cursor.value())))
            is_there = cursor.next()
        return [_take_up(work, write, key, row) for key, row in found]

    return apply


def prepare_extend(write: Extend) -> Operation:
    """Make an extension ready."""

    def apply(work: Work) -> Delivery:
        key, row = _held(work, write.delivery)
        new = Row(row.event, work.next_number(), work.owner, row.attempt, row.group)
        moved = rows.move(work, key, row, new, due_s=work.now_s + write.visibility_s)
        delivery = write.delivery
        return Delivery(
            event=delivery.event,
            step=delivery.step,
            attempt=delivery.attempt,
            put_s=delivery.put_s,
            token=_token.pack(moved, new.lease),
        )

    return apply


def prepare_settle(write: Settling) -> Operation:
    """Make the end of a lease ready."""
    delivery = write.delivery
    step = keys.to_bytes(delivery.step)

    def apply(work: Work) -> None:
        key, row = _held(work, delivery)
        match write:
            case Retry(delay_s=delay_s):
                free = Row(row.event, 0, NOBODY, row.attempt, row.group)
                rows.move(work, key, row, free, due_s=work.now_s + delay_s)
                work.steps.add(delivery.step)
            case Release():
                free = Row(row.event, 0, NOBODY, row.attempt - 1, row.group)
                rows.move(work, key, row, free, due_s=work.now_s)
                work.steps.add(delivery.step)
            case Ack():
                _finish(work, key, row, delivery.step)
                rows.drop_body(work, row.event)
                rows.count(work, key[:8], step, queued=-1)
            case Bury(error=error):
                _finish(work, key, row, delivery.step)
                text = keys.to_bytes(limits.cut(error))
                rows.put_letter(work, key[:8], Letter(row.event, row.attempt, text, work.now_s))
                rows.count(work, key[:8], step, queued=-1, dead=1)

    return apply


def prepare_fire(write: CronFire) -> Operation:
    """Make a cron run ready."""
    step8 = keys.step8(write.step)
    put = prepare_put(_run_of(write.event, write.step))

    def apply(work: Work) -> str:
        last = work.txn.get(step8, db=work.tables.slots)
        if last is not None and write.slot_s <= keys.to_time(last):
            return "taken"
        work.txn.put(step8, keys.time(write.slot_s), db=work.tables.slots)
        if not write.allow_overlap and rows.read_counts(work.txn, work.tables, step8)[0]:
            return "busy"
        put(work)
        return "fired"

    return apply


def free_owner(work: Work, owner: bytes) -> int:
    """Make due at once what a dead process held; answers how many deliveries."""
    held: list[bytes] = []
    cursor = work.txn.cursor(work.tables.leases)
    is_there = cursor.set_range(owner)
    while is_there and cursor.key().startswith(owner):
        held.append(cursor.key()[8:])
        is_there = cursor.next()
    for key in held:
        record = work.txn.get(key, db=work.tables.due)
        assert record is not None, "a lease has its row among the due"
        row = Row.unpack(record)
        free = Row(row.event, 0, NOBODY, row.attempt, row.group)
        rows.move(work, key, row, free, due_s=work.now_s)
        step = work.txn.get(key[:8], db=work.tables.steps)
        assert step is not None, "a step with a delivery has its counts"
        work.steps.add(rows.step_text(step))
    return len(held)


def _run_of(event: Event, step: str) -> EventPut:
    return EventPut(event=event, targets=(Target(step=step),))


def _take_up(work: Work, write: Lease, key: bytes, row: Row) -> Delivery:
    new = Row(row.event, work.next_number(), work.owner, row.attempt + 1, row.group)
    moved = rows.move(work, key, row, new, due_s=work.now_s + write.visibility_s)
    event, put_s = rows.read_event(work.txn, work.tables, row.event)
    return Delivery(
        event=event,
        step=write.step,
        attempt=new.attempt,
        put_s=put_s,
        token=_token.pack(moved, new.lease),
    )


def _held(work: Work, delivery: Delivery) -> tuple[bytes, Row]:
    key, lease = _token.unpack(delivery.token)
    record = work.txn.get(key, db=work.tables.due)
    row = None if record is None else Row.unpack(record)
    if row is None or row.lease != lease:
        raise LeaseLostError(delivery.id)
    return key, row


def _finish(work: Work, key: bytes, row: Row, step: str) -> None:
    rows.remove(work, key, row)
    if rows.promote(work, key, row):
        work.steps.add(step)
