"""The queues' rows as lines of a dump, and back: all that a dump knows of their schema."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from motia_actors.errors import StoreCorruptError
from motia_actors.stores.lmdb import dead, dedupe, keys, rows
from motia_actors.stores.lmdb.dead import Letter
from motia_actors.stores.lmdb.lines import (
    DedupeLine,
    DeliveryLine,
    EventLine,
    LetterLine,
    SlotLine,
    event_fields,
)
from motia_actors.stores.lmdb.rows import NO_GROUP, Row
from motia_actors.stores.lmdb.snapshot import Snapshot
from motia_actors.stores.lmdb.work import Work

UNREADABLE = (msgspec.MsgspecError, struct.error, ValueError)
"""What reading a damaged record raises; text that is none is a ValueError too."""

_letter_decoder = msgspec.msgpack.Decoder(Letter)
_FAR_S = 1e15
"""In place of a time that JSON has no number for."""


def names(
    snapshot: Snapshot, table: str, read: Callable[[bytes], str], lost: list[str]
) -> Iterator[tuple[bytes, str]]:
    """Go through the names of a table by key; what belongs to one that is lost is lost too."""
    for key, record in snapshot.rows(table):
        try:
            yield key, read(record)
        except UNREADABLE as error:
            lost.append(f"name {key.hex()} in {table}: {error}")


def read_letter(record: bytes) -> Letter:
    """Read a row of the dead letters."""
    return _letter_decoder.decode(record)


def deliveries(snapshot: Snapshot, lost: list[str]) -> Iterator[DeliveryLine]:
    """Go through what is queued, in the order in which an import has to put it again.

    Of each step first what was leased, due at once, then the others as they are due. Last what
    waits in a FIFO group, whose first one was among them.
    """
    steps = _steps(snapshot)
    leased: dict[bytes, list[tuple[bytes, Row]]] = {}
    first = set()
    for key, record in snapshot.rows("due"):
        row = _unpack(key, record, lost)
        if row is not None and row.group != NO_GROUP:
            first.add(key[:8] + row.group + key[16:])
        if row is not None and row.lease:
            leased.setdefault(key[:8], []).append((key, row))
    for key, record in snapshot.rows("due"):
        for lease_key, row in sorted(leased.pop(key[:8], []), key=lambda one: one[0][16:]):
            yield from _delivery(snapshot, steps, lease_key, row, 0.0, lost)
        free = _unpack(key, record, [])
        if free is not None and not free.lease:
            yield from _delivery(snapshot, steps, key, free, keys.to_time(key[8:16]), lost)
    for key, record in snapshot.rows("groups"):
        if key not in first and len(record) >= 16:
            row = Row(record[:8], 0, rows.NOBODY, 0, key[8:24], record[16:])
            yield from _delivery(snapshot, steps, key, row, keys.to_time(record[8:16]), lost)


def left(snapshot: Snapshot) -> Iterator[DeliveryLine]:
    """Go through what was at work without a row."""
    for one in snapshot.left:
        yield DeliveryLine(
            step=one.step,
            put_s=_number(one.put_s),
            due_s=0.0,
            attempt=one.attempt,
            **event_fields(one.event),
        )


def letters(snapshot: Snapshot, lost: list[str]) -> Iterator[LetterLine]:
    """Go through the dead letters, oldest first in each step."""
    steps = _steps(snapshot)
    for key, record in snapshot.rows("dead"):
        try:
            letter = read_letter(record)
            yield LetterLine(
                **_common(snapshot, steps, key[:8], letter.event, letter.tag),
                is_fifo=letter.group != NO_GROUP,
                attempts=letter.attempts,
                error=keys.to_text(letter.error),
                stack=keys.to_text(letter.stack),
                died_s=_number(letter.died_s),
            )
        except UNREADABLE as error:
            lost.append(f"dead letter {key.hex()}: {error}")


def slots(snapshot: Snapshot, lost: list[str]) -> Iterator[SlotLine]:
    """Go through the slots of the cron steps."""
    for key, record in snapshot.rows("slots"):
        try:
            yield SlotLine(step=key.hex(), slot_s=_number(keys.to_time(record)))
        except UNREADABLE as error:
            lost.append(f"cron slot {key.hex()}: {error}")


def dedupes(snapshot: Snapshot, lost: list[str]) -> Iterator[DedupeLine]:
    """Go through the dedupe keys, those that ended included."""
    for key, record in snapshot.rows("dedupes"):
        try:
            end_s = _number(keys.to_time(record[:8]))
            yield DedupeLine(pair=key.hex(), end_s=end_s, event_id=keys.to_text(record[8:]))
        except UNREADABLE as error:
            lost.append(f"dedupe key {key.hex()}: {error}")


def put_delivery(work: Work, line: DeliveryLine) -> None:
    """Queue a delivery after those that are there, with the attempts it had."""
    step8 = keys.step8(line.step)
    event = _put_body(work, line)
    rows.put_delivery(work, step8, event, due_s=line.due_s, group=_group(line), tag=_tag(line))
    rows.count(work, step8, keys.to_bytes(line.step), queued=1)
    # A delivery has the number after its body's.
    key = step8 + keys.time(line.due_s) + keys.number(keys.to_number(event) + 1)
    record = work.txn.get(key, db=work.tables.due)
    if line.attempt and record is not None:
        row = msgspec.structs.replace(Row.unpack(record), attempt=line.attempt)
        work.txn.put(key, row.pack(), db=work.tables.due)


def put_letter(work: Work, line: LetterLine) -> None:
    """Keep a dead letter after those that are there."""
    step8 = keys.step8(line.step)
    event = _put_body(work, line)
    letter = Letter(
        event=event,
        attempts=line.attempts,
        error=keys.to_bytes(line.error),
        died_s=line.died_s,
        stack=keys.to_bytes(line.stack),
        group=_group(line),
        tag=_tag(line),
    )
    dead.bury(work, step8, letter)
    rows.count(work, step8, keys.to_bytes(line.step), queued=0, dead=1)


def put_slot(work: Work, line: SlotLine) -> None:
    """Claim the slot, unless a later one was."""
    step8, slot = bytes.fromhex(line.step), keys.time(line.slot_s)
    if len(step8) != 8:
        raise StoreCorruptError(f"{line.step!r} is no hash of a step")
    last = work.txn.get(step8, db=work.tables.slots)
    if last is None or last < slot:
        work.txn.put(step8, slot, db=work.tables.slots)


def put_dedupe(work: Work, line: DedupeLine) -> None:
    """Let the event stand for its key, unless another one does for longer."""
    pair16 = bytes.fromhex(line.pair)
    if len(pair16) != 16:
        raise StoreCorruptError(f"{line.pair!r} is no hash of a topic and a key")
    work.now_s = line.end_s
    if dedupe.standing(work, pair16) is None:
        dedupe.stand(work, pair16, line.event_id, window_s=0.0)


def _group(line: EventLine) -> bytes:
    return keys.name16(line.group_id or "") if line.is_fifo else NO_GROUP


def _tag(line: EventLine) -> bytes:
    if not line.burst:
        return keys.name16(line.id) if line.is_scheduled else b""
    burst16 = bytes.fromhex(line.burst)
    if len(burst16) != 16:
        raise StoreCorruptError(f"{line.burst!r} is no hash of a step and a key")
    return burst16


def _put_body(work: Work, line: EventLine) -> bytes:
    # A body keeps when it was put, which is the time of the work that puts it.
    work.now_s = line.put_s
    return rows.put_body(work, rows.body_of(line.event()), refs=1)


def _delivery(
    snapshot: Snapshot, steps: dict[bytes, str], key: bytes, row: Row, due_s: float, lost: list[str]
) -> Iterator[DeliveryLine]:
    try:
        yield DeliveryLine(
            **_common(snapshot, steps, key[:8], row.event, row.tag),
            is_fifo=row.group != NO_GROUP,
            due_s=_number(due_s),
            attempt=row.attempt,
        )
    except UNREADABLE as error:
        lost.append(f"delivery {key.hex()}: {error}")


def _common(
    snapshot: Snapshot, steps: dict[bytes, str], step8: bytes, number: bytes, tag: bytes
) -> dict[str, Any]:
    """Fields of every line with an event."""
    if step8 not in steps:
        raise ValueError("the name of its step is lost")
    if snapshot.get("events", number) is None:
        raise ValueError("its event is lost")
    event, put_s = rows.read_event(snapshot.txn, snapshot.tables, number)
    is_scheduled = tag == keys.name16(event.id)
    return {
        "step": steps[step8],
        "put_s": _number(put_s),
        "is_scheduled": is_scheduled,
        "burst": "" if is_scheduled else tag.hex(),
        **event_fields(event),
    }


def _steps(snapshot: Snapshot) -> dict[bytes, str]:
    return dict(names(snapshot, "steps", rows.step_text, []))


def _unpack(key: bytes, record: bytes, lost: list[str]) -> Row | None:
    try:
        return Row.unpack(record)
    except struct.error as error:
        lost.append(f"delivery {key.hex()}: {error}")
        return None


def _number(at_s: float) -> float:
    return at_s if math.isfinite(at_s) else _FAR_S
