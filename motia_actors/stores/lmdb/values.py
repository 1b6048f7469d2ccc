"""Values of the state that end: how their rows say when, and how those that ended are found.

A plain row is length(4) key text, value. That of a value with an end has the first bit of its
length set, and end(8) behind it. Only such a value has a row in state_ends: others cost nothing.

state_ends: end(8) name16(group) name16(key) -> nothing.
"""

from __future__ import annotations

from motia_actors.stores.lmdb import keys
from motia_actors.stores.lmdb.work import Work, first_with

ENDS = 0x80
"""The bit of a row's first byte that says that its value has an end."""


def with_end(record: bytes, end_s: float) -> bytes:
    """A plain row's record, with the time at which its value ends."""
    return bytes([record[0] | ENDS]) + record[1:4] + keys.time(end_s) + record[4:]


def split_end(record: bytes) -> tuple[bytes, float | None]:
    """The record as a plain row has it, and when its value ends: None is never.

    Raises:
        struct.error: it is cut off.
    """
    if not record or record[0] < ENDS:
        return record, None
    return bytes([record[0] - ENDS]) + record[1:4] + record[12:], keys.to_time(record[4:12])


def living(record: bytes | None, now_s: float) -> bytes | None:
    """The record as a plain row has it, None where its value ended, or there is none."""
    if record is None or record[0] < ENDS:
        return record
    plain, end_s = split_end(record)
    return None if end_s is not None and end_s <= now_s else plain


def forget_end(work: Work, key: bytes) -> None:
    """Forget when the value under key ends, before it is written over."""
    if work.txn.cursor(work.tables.state_ends).first():  # Mostly nothing has an end.
        record = work.txn.get(key, db=work.tables.state)
        if record is not None:
            forget_end_of(work, key, record)


def forget_end_of(work: Work, key: bytes, record: bytes) -> None:
    """Forget when the value of this record ends."""
    if record[0] >= ENDS:
        work.txn.delete(record[4:12] + key, db=work.tables.state_ends)


def put(work: Work, key: bytes, record: bytes, end_s: float | None) -> None:
    """Put a plain row's record, whose value ends at end_s; None is never."""
    forget_end(work, key)
    if end_s is not None:
        record = with_end(record, end_s)
        work.txn.put(record[4:12] + key, b"", db=work.tables.state_ends)
    work.txn.put(key, record, db=work.tables.state)


def sweep(work: Work, *, rows_max: int) -> int:
    """Remove up to rows_max values that ended; answers how many."""
    count = 0
    cursor = work.txn.cursor(work.tables.state_ends)
    cursor.first()
    # After delete the cursor stands on the next row, or on none, whose key is empty.
    while count < rows_max and (key := cursor.key()) and keys.to_time(key[:8]) <= work.now_s:
        record = work.txn.get(key[8:], db=work.tables.state)
        # An earlier version of this program writes over a value and leaves its end behind.
        if record is not None and record[0] >= ENDS and record[4:12] == key[:8]:
            work.txn.delete(key[8:], db=work.tables.state)
            drop_group_if_empty(work, key[8:24])
        cursor.delete()
        count += 1
    return count


def drop_group_if_empty(work: Work, group16: bytes) -> None:
    """Forget the name of a group that holds nothing any more."""
    if first_with(work.txn, work.tables.state, group16) is None:
        work.txn.delete(group16, db=work.tables.state_groups)
