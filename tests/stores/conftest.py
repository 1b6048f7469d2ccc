"""A folder, a clock, and a store in it that its writer drives."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from motia_actors.clock import ManualClock, SystemClock
from motia_actors.store import Store
from motia_actors.stores.lmdb import LmdbStore
from tests.stores.driving import driven


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with driven(LmdbStore(tmp_path, SystemClock(), unsafe_no_sync=True)) as store:
        yield store
