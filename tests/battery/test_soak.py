"""Several processes on one folder while they are killed: the books balance to the last event."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from motia_actors.clock import SystemClock
from motia_actors.stores.lmdb import LmdbStore
from tests.battery.crew import DRAIN_S_MAX, Crew, balance, new_seed, problems
from tests.battery.mutants import MUTANTS
from tests.stores.driving import driven

pytestmark = pytest.mark.slow

ROLES = ("maker-a", "maker-b", "std-1", "std-2", "fifo-1", "fifo-2", "sink-1")
DIE_ONE_IN = 300
VISIBILITY_MS = 100  # So short that work now and then loses its lease.
AWAKE_SHARE = 0.3  # Stopped for so long that others take their leases.


def soak(
    folder: Path, *, deaths: int, limit_s: float, mutant: int = 0, drain_s: float = DRAIN_S_MAX
) -> None:
    """Harm a crew until so many died or the time is up, then let it finish."""
    options = {"die": DIE_ONE_IN, "visibility": VISIBILITY_MS, "mutant": mutant}
    until_s = time.monotonic() + limit_s
    with (
        driven(LmdbStore(folder, SystemClock())) as store,
        Crew(folder, ROLES, seed=new_seed(), options=options) as crew,
    ):
        while crew.deaths < deaths and time.monotonic() < until_s:
            crew.wait_lines(crew.chance.randint(1, 80), limit_s=0.3)
            if crew.chance.random() < AWAKE_SHARE:
                crew.awake()
            crew.hit()
            crew.replace()
        crew.awake()
        crew.drain(store, limit_s=drain_s)

        balance(crew, store)

        assert crew.deaths >= deaths // 2
    assert problems(folder) == []


def test_the_books_balance_whoever_is_killed_in_whatever_moment(tmp_path: Path) -> None:
    soak(tmp_path / "data", deaths=30, limit_s=12.0)


@pytest.mark.stress
@pytest.mark.timeout(400)
def test_the_books_balance_after_many_kills(tmp_path: Path) -> None:
    # What the makers put until then is thousands of events, and who works them off is killed too.
    soak(tmp_path / "data", deaths=300, limit_s=180.0, drain_s=5 * DRAIN_S_MAX)


@pytest.mark.stress
@pytest.mark.timeout(120)
@pytest.mark.parametrize("fault", MUTANTS, ids=lambda fault: fault.__name__)
def test_the_books_find_a_fault_of_ours(tmp_path: Path, fault: Callable[[], None]) -> None:
    number = MUTANTS.index(fault) + 1
    with pytest.raises(AssertionError):
        soak(tmp_path / "data", deaths=60, limit_s=25.0, mutant=number, drain_s=8.0)
