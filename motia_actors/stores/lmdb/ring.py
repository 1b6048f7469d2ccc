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


class Ends:
    """What is known of a ring within a transaction, so that many appends look for it once.

    Of the first row the time and how many bytes went before it; of the last all bytes with it.
    """

    __slots__ = ("before", "first", "first_s", "last", "total")

    def __init__(self, txn: Transaction, table: object, prefix: bytes) -> None:
        self.last = last_number(txn, table, prefix)
        self.first, self.first_s = self.last + 1, 0.0
        self.before = self.total = 0
        if self.last:
            row = txn.get(prefix + keys.number(self.last), db=table)
            assert row is not None, "its number was just read"
            self.total = _head.unpack_from(row)[1]
            self.find_first(txn, table, prefix)

    def find_first(self, txn: Transaction, table: object, prefix: bytes) -> None:
        """Look at the first row, where there is one."""
        found = first_with(txn, table, prefix)
        assert found is not None, "the last was not removed"
        self.first = keys.to_number(found[0][-8:])
        self.first_s, sum_bytes = _head.unpack_from(found[1])
        self.before = sum_bytes - (len(found[1]) - _head.size)


def append(
    work: Work, table: object, value: bytes, *, prefix: bytes = b"", limits: RingLimits
) -> None:
    """Add a row under the next number of the prefix, dropping the oldest past the limits."""
    place = (id(table), prefix)
    ends = work.ends.get(place)
    if ends is None:
        ends = work.ends[place] = Ends(work.txn, table, prefix)
    ends.last += 1
    ends.total += len(value)
    row = _head.pack(work.now_s, ends.total) + value
    work.txn.put(prefix + keys.number(ends.last), row, db=table)
    if ends.first == ends.last:
        ends.first_s, ends.before = work.now_s, ends.total - len(value)
    for _ in range(_DROPS_MAX):
        is_kept = (
            ends.first > ends.last - limits.count_max
            and ends.total - ends.before <= limits.bytes_max
            and ends.first_s > work.now_s - limits.age_s
        )
        if is_kept or ends.first == ends.last:
            return
        work.txn.delete(prefix + keys.number(ends.first), db=table)
        ends.find_first(work.txn, table, prefix)


def value_of(row: bytes) -> bytes:
    """The value of a row."""
    return row[_head.size :]


def empty_at(work: Work, table: object, key: bytes) -> None:
    """Leave a row without a value, so that the numbers of its ring go on from it."""
    work.ends = {}
    old = work.txn.get(key, db=table)
    assert old is not None, "there is a row to be emptied"
    work.txn.put(key, old[: _head.size], db=table)


def sweep(work: Work, table: object, *, prefix_bytes: int, age_s: float, rows_max: int) -> int:
    """Remove up to rows_max rows of any ring that are age_s old; answers how many.

    The last row of each ring stays.
    """
    count, until_s = 0, work.now_s - age_s
    work.ends = {}
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
