"""One write transaction while it is filled: what operations need, and what they woke."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from motia_actors.messages import Taker, Wake
from motia_actors.stores.lmdb import keys
from motia_actors.stores.lmdb.env import Tables
from motia_actors.stores.lmdb.taker import Taking
from motia_actors.stores.lmdb.transaction import Transaction

if TYPE_CHECKING:
    from motia_actors.stores.lmdb.ring import Ends

_NUMBER_KEY = b"number"

Mark = tuple[int | None, set[str], set[str], dict[bytes, tuple[int, int, bytes]]]


class Work:
    """A write transaction, its time, and what will be told of it once it is on disk."""

    def __init__(
        self,
        txn: Transaction,
        tables: Tables,
        *,
        now_s: float,
        owner: bytes,
        taker: Taker | None = None,
    ) -> None:
        self.txn = txn
        self.tables = tables
        self.now_s = now_s
        self.owner = owner
        self.taking = Taking(taker)
        self._number: int | None = None
        self.steps: set[str] = set()
        self.streams: set[str] = set()
        self.counts: dict[bytes, tuple[int, int, bytes]] = {}
        """Of steps that this transaction counted at: queued, dead and the step's name."""
        self.ends: dict[tuple[int, bytes], Ends] = {}
        """What `ring` knows of rings that this transaction appended to."""

    def next_number(self) -> int:
        """Count on: unique in the store for ever, whatever it is used for."""
        if self._number is None:
            last = self.txn.get(_NUMBER_KEY, db=self.tables.meta)
            self._number = 0 if last is None else keys.to_number(last)
        self._number += 1
        return self._number

    def mark(self) -> Mark:
        """Remember what was counted so far, for `go_back`."""
        return self._number, set(self.steps), set(self.streams), dict(self.counts)

    def go_back(self, mark: Mark) -> None:
        """Forget what was counted since mark, after its part of the transaction was undone."""
        self._number, self.steps, self.streams, self.counts = mark
        self.ends = {}

    def finish(self) -> None:
        """Write what was counted, once for the whole transaction, before it is committed."""
        self.keep_counts()
        if self._number is not None:
            self.txn.put(_NUMBER_KEY, keys.number(self._number), db=self.tables.meta)

    def keep_counts(self) -> None:
        """Write the steps' counts; a step with nothing left is forgotten."""
        for step8, (queued, dead, step) in self.counts.items():
            if queued or dead:
                record = keys.counts.pack(queued, dead) + step
                self.txn.put(step8, record, db=self.tables.steps)
            else:
                self.txn.delete(step8, db=self.tables.steps)
        self.counts = {}

    def wake(self) -> Wake:
        """What is to be told."""
        return Wake(steps=tuple(sorted(self.steps)), streams=tuple(sorted(self.streams)))


# One write, made ready on the thread that commits it, to be done on the writer's.
Operation = Callable[[Work], object]


def first_with(txn: Transaction, table: object, prefix: bytes) -> tuple[bytes, bytes] | None:
    """Find the first row whose key begins with prefix."""
    cursor = txn.cursor(table)
    if not cursor.set_range(prefix):
        return None
    key, value = cursor.item()
    return (key, value) if key.startswith(prefix) else None


def last_number(txn: Transaction, table: object, prefix: bytes = b"") -> int:
    """Read the number that ends the last key with this prefix, 0 where there is none."""
    cursor = txn.cursor(table)
    is_past = cursor.set_range(prefix + keys.NUMBER_MAX)
    is_there = cursor.prev() if is_past else cursor.last()
    if not is_there or not cursor.key().startswith(prefix):
        return 0
    return keys.to_number(cursor.key()[-8:])
