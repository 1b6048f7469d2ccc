"""Every implementation of the store contract, by name."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from motia_actors.clock import ManualClock
from motia_actors.store import Store
from motia_actors.stores.limits import RingLimits
from motia_actors.stores.lmdb import LmdbStore
from motia_actors.stores.memory import MemoryStore
from tests.stores.driving import driven

VALUE_BYTES_MAX = 2_000
COUNT_MAX = 5
BYTES_MAX = 4096
AGE_S = 3600.0

RINGS = RingLimits(count_max=COUNT_MAX, bytes_max=BYTES_MAX, age_s=AGE_S)

StoreMaker = Callable[[ManualClock], AbstractContextManager[Store]]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(params=["memory", "lmdb"])
def make_store(request: pytest.FixtureRequest, tmp_path: Path) -> StoreMaker:
    """Makes any number of empty stores, one after the other."""
    numbers = itertools.count()

    def make(clock: ManualClock) -> AbstractContextManager[Store]:
        if request.param == "memory":
            return driven(
                MemoryStore(
                    clock,
                    value_bytes_max=VALUE_BYTES_MAX,
                    journal=RINGS,
                    changes=RINGS,
                )
            )
        return driven(
            LmdbStore(
                tmp_path / f"store{next(numbers)}",
                clock,
                map_bytes_max=2**30,
                value_bytes_max=VALUE_BYTES_MAX,
                journal=RINGS,
                changes=RINGS,
                unsafe_no_sync=True,
            )
        )

    return make


@pytest.fixture
def store(make_store: StoreMaker, clock: ManualClock) -> Iterator[Store]:
    with make_store(clock) as store:
        yield store
