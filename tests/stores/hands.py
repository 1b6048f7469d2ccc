"""Who takes events as they are put, in place of a process's mailboxes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from motia_actors.clock import SystemClock
from motia_actors.messages import Delivery, Taker
from motia_actors.store import StateSet, Store
from motia_actors.stores.lmdb import LmdbStore
from tests.stores.driving import driven


class Hands(Taker):
    """Takes what may go without a row, at most so many at a time, and keeps it."""

    def __init__(self, free: int = 1000) -> None:
        self.free = free
        self.taken: list[Delivery] = []
        self.is_broken = False

    def reserve(self, step: str) -> float | None:
        """Nothing is taken that has a row."""
        return None

    def reserve_brief(self, step: str) -> bool:
        """Keep a run free, where one is."""
        is_free = self.free > 0
        self.free -= is_free
        return is_free

    def take(self, delivery: Delivery, *, renew_s: float | None = None) -> None:
        """Keep it."""
        assert renew_s, "what has no row is renewed soon"
        if self.is_broken:
            raise RuntimeError("no hands")
        self.taken.append(delivery)

    def give_up(self, step: str) -> None:
        """The run is free again."""
        self.free += 1


@contextmanager
def handled(path: Path, hands: Hands) -> Iterator[Store]:
    """Open a store whose events hands takes."""
    with driven(LmdbStore(path, SystemClock())) as store:
        store.taker = hands
        # Only a commit shows how much room there is.
        store.write(StateSet(group="g", key="k", value=b"1"))
        yield store
