"""Writes of the queues in LMDB: put, cancel, lease, settle, fire. `rows.py` has the schema."""

from __future__ import annotations

import struct
from collections.abc import Mapping

from motia_actors.errors import LeaseLostError, QueueFullError
from motia_actors.messages import Delivery, Event, Target
from motia_actors.store import (
    Ack,
    Bury,
    CronFire,
    EventCancel,
    EventPut,
    Extend,
    Lease,
    Release,
    Retry,
)
from motia_actors.stores import limits
from motia_actors.stores.bursts import key_of
from motia_actors.stores.lmdb import dead, dedupe, keys, logged, rows, taker
from motia_actors.stores.lmdb.rows import NO_GROUP, NOBODY, Body, Row
from motia_actors.stores.lmdb.work import Operation, Work

# A token is the delivery's key in `due` and the number of its lease, which is never reused:
# who comes late finds another number there, or no row at all.
_token = struct.Struct(">24sQ")

Settling = Ack | Retry | Release | Bury


def prepare_put(write: EventPut) -> Operation:
    """Make an event ready."""
    event = write.event
    if not write.targets:
        return lambda _: event.id
    body = rows.body_of(event)
    group = NO_GROUP if event.group_id is None else keys.name16(event.group_id)
    is_limited, is_small = False, len(event.data) <= taker.BYTES_MAX
    targets, bursts = [], {}
    for target in write.targets:
        is_limited = is_limited or target.depth_max is not None
        if target.debounce is not None:
            key = key_of(target.debounce, event.data)
            bursts[target.step] = target, keys.pair16(target.step, key)
            continue
        place = keys.step8(target.step), keys.to_bytes(target.step)
        targets.append((target, *place, group if target.is_fifo else NO_GROUP))
    not_before_s = write.not_before_s
    tag = b"" if not_before_s is None else keys.name16(event.id)
    pair16 = None if write.dedupe_key is None else keys.pair16(event.topic, write.dedupe_key)

    def apply(work: Work) -> str:
        # All looks come before the first change: a put that is refused has nothing to undo.
        if pair16 is not None and (other_id := dedupe.standing(work, pair16)) is not None:
            return other_id
        if is_limited:
            _check_room(work, write.targets, bursts)
        if pair16 is not None:
            dedupe.stand(work, pair16, event.id, window_s=write.dedupe_window_s)
        for target, burst16 in bursts.values():
            _put_debounced(work, target, burst16, body, not_before_s)
        if not targets:
            return event.id
        number = rows.put_body(work, body, refs=len(targets))
        for target, step8, step, fifo_group in targets:
            due_s = work.now_s + target.delay_s
            if not_before_s is not None:
                due_s = max(due_s, not_before_s)
            rows.count(work, step8, step, queued=1)
            is_due = due_s <= work.now_s
            if is_small and is_due and not tag and fifo_group == NO_GROUP:
                visibility_s = work.taking.reserve(work, target.step, step8)
                if visibility_s is not None:
                    delivery = _put_taken(work, step8, number, event, target.step, visibility_s)
                    work.taking.deliveries.append(delivery)
                    continue
            if is_due:
                work.taking.close(step8)
            rows.put_delivery(work, step8, number, due_s=due_s, group=fifo_group, tag=tag)
            work.steps.add(target.step)
        return event.id

    return apply


def prepare_cancel(write: EventCancel) -> Operation:
    """Make a cancellation ready."""
    tag = keys.name16(write.event_id)

    def apply(work: Work) -> int:
        return sum(_cancel(work, place, where) for place, where in _tagged(work, tag))

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
        key, row = _taken(work, write.delivery)
        new = Row(row.event, work.next_number(), work.owner, row.attempt, row.group, row.tag)
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
        key, row = _taken(work, delivery)
        match write:
            case Retry(delay_s=delay_s):
                rows.move(work, key, row, row.freed(row.attempt), due_s=work.now_s + delay_s)
                work.steps.add(delivery.step)
            case Release():
                rows.move(work, key, row, row.freed(row.attempt - 1), due_s=work.now_s)
                work.steps.add(delivery.step)
            case Ack():
                _finish(work, key, row, delivery.step)
                rows.drop_body(work, row.event)
                rows.count(work, key[:8], step, queued=-1)
            case Bury():
                _finish(work, key, row, delivery.step)
                dead.bury(work, key[:8], _letter(write, row, now_s=work.now_s))
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
        if not write.allow_overlap and rows.counts_of(work, step8)[0]:
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
        record = work.txn.pop(key, db=work.tables.due)
        assert record is not None, "a lease has its row among the due"
        row = Row.unpack(record)
        rows.move(work, key, row, row.freed(row.attempt), due_s=work.now_s)
        work.steps.add(keys.to_text(rows.step_name(work, key[:8])))
    return len(held)


def put_back(work: Work, delivery: Delivery) -> None:
    """Make a row, due now, of a delivery that a process had without one when it died."""
    key, row = _row_of(work, delivery)
    rows.move(work, key, row, row, due_s=work.now_s)
    work.steps.add(delivery.step)


def _put_taken(
    work: Work, step8: bytes, number: bytes, event: Event, step: str, visibility_s: float
) -> Delivery:
    """Queue a delivery as leased to this process, for the first time."""
    row = Row(number, work.next_number(), work.owner, 1, NO_GROUP, b"")
    due = keys.time(work.now_s + visibility_s)
    key = step8 + due + keys.number(work.next_number())
    work.txn.put(key, row.pack(), db=work.tables.due)
    work.txn.put(work.owner + key, b"", db=work.tables.leases)
    token = _token.pack(key, row.lease)
    return Delivery(event=event, step=step, attempt=1, put_s=work.now_s, token=token)


def _put_debounced(
    work: Work, target: Target, burst16: bytes, body: Body, not_before_s: float | None
) -> None:
    """Queue a delivery in the place of those of its burst that wait."""
    assert target.debounce is not None, "the burst is of a step with debounce"
    began_s = work.now_s
    for place, where, row in _burst(work, burst16):
        if not row.attempt:
            began_s = min(began_s, rows.read_event(work.txn, work.tables, row.event)[1])
        _cancel(work, place, where)
    due_s = target.debounce.due_s(began_s=began_s, now_s=work.now_s)
    due_s = max(due_s, work.now_s + target.delay_s, not_before_s or 0.0)
    number = rows.put_body(work, body, refs=1, put_s=began_s)
    step8 = keys.step8(target.step)
    rows.count(work, step8, keys.to_bytes(target.step), queued=1)
    rows.put_delivery(work, step8, number, due_s=due_s, group=NO_GROUP, tag=burst16)
    work.steps.add(target.step)


def _burst(work: Work, burst16: bytes) -> list[tuple[bytes, bytes, Row]]:
    """Rows in `scheduled`, and in `due`, of what waits of a burst; leased ones are out of it."""
    waiting = []
    for place, where in _tagged(work, burst16):
        record = work.txn.get(rows.due_key(place, where), db=work.tables.due)
        assert record is not None, "a delivery of a burst is in no group, so it is due"
        row = Row.unpack(record)
        if not row.is_held(where[:8], now_s=work.now_s):
            waiting.append((place, where, row))
    return waiting


def _tagged(work: Work, tag: bytes) -> list[tuple[bytes, bytes]]:
    """Rows in `scheduled` of a tag, at once: what is changed must not be under the cursor."""
    found: list[tuple[bytes, bytes]] = []
    cursor = work.txn.cursor(work.tables.scheduled)
    is_there = cursor.set_range(tag)
    while is_there and cursor.key().startswith(tag):
        found.append(cursor.item())
        is_there = cursor.next()
    return found


def _check_room(
    work: Work, targets: tuple[Target, ...], bursts: Mapping[str, tuple[Target, bytes]]
) -> None:
    depths: dict[str, int] = {}
    for target in targets:
        depth = depths.get(target.step)
        if depth is None:
            depth = rows.counts_of(work, keys.step8(target.step))[0]
            if target.step in bursts:
                depth -= len(_burst(work, bursts[target.step][1]))
        if target.depth_max is not None and depth >= target.depth_max:
            raise QueueFullError(target.step, depth=depth, depth_max=target.depth_max)
        depths[target.step] = depth + 1


def _cancel(work: Work, place: bytes, where: bytes) -> int:
    """Remove one delivery, given its row in `scheduled`; 0 where it is leased."""
    step8, key = place[16:24], rows.due_key(place, where)
    record = work.txn.get(key, db=work.tables.due)
    step = rows.step_name(work, step8)
    if record is None:
        # It waits behind others of its group, which do not notice.
        queued = work.txn.pop(rows.group_key(place, where), db=work.tables.groups)
        assert queued is not None, "a scheduled delivery is due or waits in its group"
        work.txn.delete(place, db=work.tables.scheduled)
        event = queued[:8]
    else:
        row = Row.unpack(record)
        if row.is_held(where[:8], now_s=work.now_s):
            return 0
        work.txn.delete(key, db=work.tables.due)
        _finish(work, key, row, keys.to_text(step))
        event = row.event
    rows.drop_body(work, event)
    rows.count(work, step8, step, queued=-1)
    return 1


def _letter(write: Bury, row: Row, *, now_s: float) -> dead.Letter:
    return dead.Letter(
        event=row.event,
        attempts=row.attempt,
        error=keys.to_bytes(limits.cut(write.error)),
        died_s=now_s,
        stack=keys.to_bytes(limits.cut_stack(write.stack)),
        group=row.group,
        tag=row.tag,
    )


def _run_of(event: Event, step: str) -> EventPut:
    return EventPut(event=event, targets=(Target(step=step),))


def _take_up(work: Work, write: Lease, key: bytes, row: Row) -> Delivery:
    new = Row(row.event, work.next_number(), work.owner, row.attempt + 1, row.group, row.tag)
    work.txn.delete(key, db=work.tables.due)
    moved = rows.move(work, key, row, new, due_s=work.now_s + write.visibility_s)
    event, put_s = rows.read_event(work.txn, work.tables, row.event)
    return Delivery(
        event=event,
        step=write.step,
        attempt=new.attempt,
        put_s=put_s,
        token=_token.pack(moved, new.lease),
    )


def _taken(work: Work, delivery: Delivery) -> tuple[bytes, Row]:
    """Take a leased delivery's row from the due; where the lease is lost, all is undone anyway."""
    if logged.number_of(delivery):
        return _row_of(work, delivery)
    key, lease = _token.unpack(delivery.token)
    record = work.txn.pop(key, db=work.tables.due)
    row = None if record is None else Row.unpack(record)
    if row is None or row.lease != lease:
        raise LeaseLostError(delivery.id)
    return key, row


def _row_of(work: Work, delivery: Delivery) -> tuple[bytes, Row]:
    """Make the row of a delivery that had none, as it would be had it been taken from the due."""
    step8, body = keys.step8(delivery.step), rows.body_of(delivery.event)
    number = rows.put_body(work, body, refs=1, put_s=delivery.put_s)
    rows.count(work, step8, keys.to_bytes(delivery.step), queued=1)
    key = step8 + keys.time(work.now_s) + keys.number(work.next_number())
    return key, Row(number, 0, NOBODY, delivery.attempt, NO_GROUP, b"")


def _finish(work: Work, key: bytes, row: Row, step: str) -> None:
    if rows.finish(work, key, row):
        work.steps.add(step)
