"""Rings in LMDB: rows under rising numbers, of which the oldest go by count, bytes and age.

A row is time(8) total(8) value: when it was added, and how many bytes of values were added up to
and with it, so that what a ring holds is the difference between its last row and its first.
"""

from __future__ import annotations

import struct

from motia_actors.stores.limits import RingLimits
from motia_actors.stores.lmdb import keys
from motia_actors.stores.lmdb.transaction import Transaction
from motia_actors.stores.lmdb.work import Work, first_with, last_number

_head = struct.Struct(">dQ")
_DROPS_MAX = 8
"""Of one append: a limit that was lowered is reached little by little."""


def append(
    work: Work, table: object, value: bytes, *, prefix: bytes = b"", limits: RingLimits
) -> None:
    """Add a row under the next number of the prefix, dropping the oldest past the limits."""
    number = last_number(work.txn, table, prefix)
    total = len(value)
    if number:
        last = work.txn.get(prefix + keys.number(number), db=table)
        assert last is not None, "its number was just read"
        total += _head.unpack_from(last)[1]
    work.txn.put(prefix + keys.number(number + 1), _head.pack(work.now_s, total) + value, db=table)
    for _ in range(_DROPS_MAX):
        first = first_with(work.txn, table, prefix)
        assert first is not None, "one was just added"
        at, (at_s, sum_bytes) = keys.to_number(first[0][-8:]), _head.unpack_from(first[1])
        held_bytes = total - sum_bytes + len(first[1]) - _head.size
        is_kept = (
            at > number + 1 - limits.count_max
            and held_bytes <= limits.bytes_max
            and at_s > work.now_s - limits.age_s
        )
        if is_kept or at == number + 1:
            return
        work.txn.delete(first[0], db=table)


def value_of(row: bytes) -> bytes:
    """The value of a row."""
    return row[_head.size :]


def empty_at(work: Work, table: object, key: bytes) -> None:
    """Leave a row without a value, so that the numbers of its ring go on from it."""
    old = work.txn.get(key, db=table)
    assert old is not None, "there is a row to be emptied"
    work.txn.put(key, old[: _head.size], db=table)


def sweep(work: Work, table: object, *, prefix_bytes: int, age_s: float, rows_max: int) -> int:
    """Remove up to rows_max rows of any ring that are age_s old; answers how many.

    The last row of each ring stays.
    """
    count, until_s = 0, work.now_s - age_s
    cursor = work.txn.cursor(table)
    is_there = cursor.first()
    while is_there and count < rows_max:
        prefix = cursor.key()[:prefix_bytes]
        last = prefix + keys.number(last_number(work.txn, table, prefix))
        while is_there and count < rows_max:
            key, row = cursor.item()
            if key == last or _head.unpack_from(row)[0] > until_s:
                break
            # After it the cursor stands on the next row.
            cursor.delete()
            count += 1
            is_there = bool(cursor.key())
        is_there = cursor.set_range(prefix + keys.NUMBER_MAX) if prefix_bytes else False
    return count


def rows_after(
    txn: Transaction, table: object, number: int, *, prefix: bytes = b"", count_max: int
) -> list[tuple[int, bytes]]:
    """Up to count_max values with a number over this one, oldest first, each with its number."""
    found: list[tuple[int, bytes]] = []
    cursor = txn.cursor(table)
    is_there = cursor.set_range(prefix + keys.number(max(0, number + 1)))
    while is_there and len(found) < count_max and cursor.key().startswith(prefix):
        key, row = cursor.item()
        found.append((keys.to_number(key[-8:]), value_of(row)))
        is_there = cursor.next()
    return found
