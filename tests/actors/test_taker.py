"""The taker: what is put where a run is free is leased in the same commit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from motia_actors.clock import ManualClock
from motia_actors.messages import Delivery, Event, Taker, Target
from motia_actors.store import Ack, EventPut
from motia_actors.stores.lmdb.store import LmdbStore


class FakeTaker(Taker):
    """Has a number of free runs, and keeps what it takes."""

    def __init__(self, free: int) -> None:
        self.free = free
        self.taken: list[Delivery] = []

    def reserve(self, step: str) -> float | None:
        """Keep a run free."""
        if not self.free:
            return None
        self.free -= 1
        return 30.0

    def reserve_brief(self, step: str) -> bool:
        """Keep a run free."""
        return self.reserve(step) is not None

    def take(self, delivery: Delivery, *, renew_s: float | None = None) -> None:
        """Keep it."""
        self.taken.append(delivery)

    def give_up(self, step: str) -> None:
        """The run is free again."""
        self.free += 1


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LmdbStore]:
    """An open store."""
    store = LmdbStore(tmp_path, ManualClock(), map_bytes_max=2**24, unsafe_no_sync=True)
    store.open()
    yield store
    store.close()


def _put(store: LmdbStore, *numbers: int) -> None:
    target = Target(step="a")
    puts = [
        EventPut(event=Event(id=str(number), topic="t", data=b"1", trace_id=""), targets=(target,))
        for number in numbers
    ]
    promise = store.commit(puts)
    store.commit_waiting(wait_s=0.0)
    promise.result(0.0)


def test_a_free_run_takes_what_is_put_and_can_end_it(store: LmdbStore) -> None:
    """It is leased, once, with its first attempt."""
    store.taker = taker = FakeTaker(1)
    _put(store, 1)
    [delivery] = taker.taken
    depth = store.events.depth("a")
    assert (delivery.event.id, delivery.attempt, depth.leased, depth.waiting) == ("1", 1, 1, 0)
    store.commit([Ack(delivery=delivery)])
    store.commit_waiting(wait_s=0.0)
    assert store.events.steps() == []


def test_what_is_beyond_the_free_runs_waits_and_is_not_overtaken(store: LmdbStore) -> None:
    """The rest is for whoever leases it."""
    store.taker = taker = FakeTaker(1)
    _put(store, 1, 2)
    taker.free = 1
    _put(store, 3)
    assert [delivery.event.id for delivery in taker.taken] == ["1"]
    assert store.events.depth("a").waiting == 2
