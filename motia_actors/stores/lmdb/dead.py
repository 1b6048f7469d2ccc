"""Dead letters in LMDB: kept, read, queued again, purged and swept.

dead: step8 number(8) -> Letter as msgpack; its event's body stays in events.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from motia_actors.messages import DeadLetter
from motia_actors.store import DeadPurge, DeadReplay, Sweep
from motia_actors.stores import letters
from motia_actors.stores.lmdb import dedupe, keys, ring, rows, values
from motia_actors.stores.lmdb.env import Tables
from motia_actors.stores.lmdb.transaction import Transaction
from motia_actors.stores.lmdb.work import Operation, Work


class Letter(msgspec.Struct, array_like=True):
    """A dead letter as it is kept; group and tag are those its delivery had."""

    event: bytes
    attempts: int
    error: bytes
    died_s: float
    stack: bytes = b""
    group: bytes = rows.NO_GROUP
    tag: bytes = b""


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Letter)


def bury(work: Work, step8: bytes, letter: Letter) -> None:
    """Keep a dead letter; its event's body is kept with it."""
    key = step8 + keys.number(work.next_number())
    work.txn.put(key, _encoder.encode(letter), db=work.tables.dead)


def read(
    txn: Transaction, tables: Tables, step: str, *, count_max: int, after_id: str | None
) -> list[DeadLetter]:
    """Read the step's letters from the first after after_id on."""
    step8 = keys.step8(step)
    after = 0 if after_id is None else letters.number_of(after_id)
    if after is None:
        return []
    found: list[DeadLetter] = []
    for key, record in _from(txn, tables, step8, keys.number(after + 1)):
        if len(found) >= count_max:
            break
        found.append(_letter(txn, tables, step, key, record))
    return found


def read_one(txn: Transaction, tables: Tables, step: str, letter_id: str) -> DeadLetter | None:
    """Read the step's letter of this id."""
    key = _key(keys.step8(step), letter_id)
    record = None if key is None else txn.get(key, db=tables.dead)
    return None if key is None or record is None else _letter(txn, tables, step, key, record)


def prepare_replay(write: DeadReplay) -> Operation:
    """Make a replay ready."""
    step8, step = keys.step8(write.step), keys.to_bytes(write.step)

    def apply(work: Work) -> int:
        chosen = _chosen(work, step8, write.ids)
        for key, letter in chosen:
            work.txn.delete(key, db=work.tables.dead)
            event = letter.event
            if write.data is not None:
                event = rows.change_body(work, event, write.data)
            rows.put_delivery(
                *(work, step8, event), due_s=work.now_s, group=letter.group, tag=letter.tag
            )
        if chosen:
            rows.count(work, step8, step, queued=len(chosen), dead=-len(chosen))
            work.steps.add(write.step)
        return len(chosen)

    return apply


def prepare_purge(write: DeadPurge) -> Operation:
    """Make a purge ready."""
    step8 = keys.step8(write.step)
    return lambda work: _drop(work, step8, _chosen(work, step8, write.ids))


def prepare_sweep(write: Sweep) -> Operation:
    """Make a sweep ready."""

    def apply(work: Work) -> int:
        work.keep_counts()  # The table itself is read.
        count = values.sweep(work, rows_max=write.rows_max)
        count += dedupe.sweep(work, rows_max=write.rows_max - count)
        # First look, then drop: a step without letters may vanish from the table.
        steps = [key for key, _ in work.txn.cursor(work.tables.steps)]
        for step8 in steps:
            old = _expired(work, step8, write, rows_max=write.rows_max - count)
            count += _drop(work, step8, old)
        return count + ring.sweep(
            work,
            work.tables.journal,
            prefix_bytes=16,
            age_s=write.journal_age_s,
            rows_max=write.rows_max - count,
        )

    return apply


def _expired(
    work: Work, step8: bytes, write: Sweep, *, rows_max: int
) -> list[tuple[bytes, Letter]]:
    dead = rows.counts_of(work, step8)[1]
    found: list[tuple[bytes, Letter]] = []
    if not dead or rows_max <= 0:
        return found
    for key, record in _from(work.txn, work.tables, step8, b""):
        letter = _decoder.decode(record)
        is_too_many = dead - len(found) > write.dead_count_max
        is_too_old = letter.died_s <= work.now_s - write.dead_age_s
        if len(found) >= rows_max or not (is_too_many or is_too_old):
            break
        found.append((key, letter))
    return found


def _drop(work: Work, step8: bytes, chosen: list[tuple[bytes, Letter]]) -> int:
    for key, letter in chosen:
        work.txn.delete(key, db=work.tables.dead)
        rows.drop_body(work, letter.event)
    if chosen:
        rows.count(work, step8, rows.step_name(work, step8), queued=0, dead=-len(chosen))
    return len(chosen)


def _chosen(work: Work, step8: bytes, ids: tuple[str, ...] | None) -> list[tuple[bytes, Letter]]:
    """Find letters by their ids, or all, oldest first."""
    if ids is None:
        found = list(_from(work.txn, work.tables, step8, b""))
    else:
        named = {key for letter_id in ids if (key := _key(step8, letter_id)) is not None}
        rows_there = ((key, work.txn.get(key, db=work.tables.dead)) for key in sorted(named))
        found = [(key, record) for key, record in rows_there if record is not None]
    return [(key, _decoder.decode(record)) for key, record in found]


def _from(
    txn: Transaction, tables: Tables, step8: bytes, number: bytes
) -> Iterator[tuple[bytes, bytes]]:
    cursor = txn.cursor(tables.dead)
    is_there = cursor.set_range(step8 + number)
    while is_there and cursor.key().startswith(step8):
        yield cursor.item()
        is_there = cursor.next()


def _key(step8: bytes, letter_id: str) -> bytes | None:
    number = letters.number_of(letter_id)
    return None if number is None else step8 + keys.number(number)


def _letter(txn: Transaction, tables: Tables, step: str, key: bytes, record: bytes) -> DeadLetter:
    letter = _decoder.decode(record)
    event, put_s = rows.read_event(txn, tables, letter.event)
    return DeadLetter(
        id=letters.id_of(keys.to_number(key[8:])),
        event=event,
        step=step,
        attempts=letter.attempts,
        error=keys.to_text(letter.error),
        stack=keys.to_text(letter.stack),
        put_s=put_s,
        died_s=letter.died_s,
    )
