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
from motia_actors.stores.nats.address import parse
from motia_actors.stores.nats.store import NatsStore
from tests.nats_servers import Server, address, one_server
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


_systems = itertools.count()


@pytest.fixture(scope="session")
def nats_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with one_server(tmp_path_factory.mktemp("nats")) as server:
        yield server


@pytest.fixture(params=["memory", "lmdb", "nats"])
def make_store(request: pytest.FixtureRequest, tmp_path: Path) -> StoreMaker:
    """Makes any number of empty stores, one after the other."""
    numbers = itertools.count()

    def make_nats(clock: ManualClock) -> Store:
        server = request.getfixturevalue("nats_server")
        system = f"conformance{next(_systems)}"
        return NatsStore(
            parse(address([server], system=system, more=f"&log_bytes={16 * 2**20}")),
            tmp_path / system,
            clock,
            map_bytes_max=2**28,
            value_bytes_max=VALUE_BYTES_MAX,
            journal=RINGS,
            changes=RINGS,
        )

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
        if request.param == "nats":
            return driven(make_nats(clock))
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
