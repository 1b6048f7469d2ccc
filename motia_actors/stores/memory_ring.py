"""A ring in memory: numbered records, of which the oldest go by count, bytes and age."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

import msgspec

from motia_actors.clock import Clock
from motia_actors.stores.limits import RingLimits

T = TypeVar("T")


class _Row(msgspec.Struct, Generic[T], frozen=True):
    seq: int
    at_s: float
    size_bytes: int
    record: T


class Ring(Generic[T]):
    """Records under rising numbers, from 1."""

    def __init__(self, clock: Clock, limits: RingLimits) -> None:
        self._clock, self._limits = clock, limits
        self._rows: deque[_Row[T]] = deque()
        self._size_bytes = 0
        self.seq = 0
        """The number of the last record there ever was."""

    def append(self, record: T, size_bytes: int) -> None:
        """Add a record, dropping the oldest past the limits; the newest always stays."""
        self.seq += 1
        self._rows.append(_Row(self.seq, self._clock.now_s(), size_bytes, record))
        self._size_bytes += size_bytes
        limits = self._limits
        while len(self._rows) > 1 and (
            len(self._rows) > limits.count_max
            or self._size_bytes > limits.bytes_max
            or self._rows[0].at_s <= self._clock.now_s() - limits.age_s
        ):
            self._drop()

    def sweep(self, *, age_s: float, rows_max: int) -> int:
        """Remove up to rows_max records that are age_s old, but the newest; answers how many."""
        count, until_s = 0, self._clock.now_s() - age_s
        while count < rows_max and len(self._rows) > 1 and self._rows[0].at_s <= until_s:
            self._drop()
            count += 1
        return count

    def clear(self) -> int:
        """Remove all; answers how many."""
        count = len(self._rows)
        self._rows.clear()
        self._size_bytes = 0
        return count

    def after(self, seq: int) -> list[tuple[int, T]]:
        """The records with a higher number, each with its number."""
        return [(row.seq, row.record) for row in self._rows if row.seq > seq]

    def _drop(self) -> None:
        self._size_bytes -= self._rows.popleft().size_bytes
