"""kill -9 inside the write transaction: nothing of it is seen, and nobody waits for the dead."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from motia_actors.clock import SystemClock
from motia_actors.store import StateSet
from motia_actors.stores.lmdb import LmdbStore
from tests.battery.crew import note
from tests.battery.holder import holder_on
from tests.stores.driving import WAIT_S, driven

pytestmark = pytest.mark.slow

TAKEOVER_S_MAX = 2.0  # Milliseconds, on a machine that has nothing else to do.


def die_inside(folder: Path, times: int) -> list[float]:
    """Kill so many inside their transaction; answers the seconds until the next commit."""
    takeovers_s = []
    with driven(LmdbStore(folder, SystemClock())) as store:
        for number in range(times):
            with holder_on(folder, "write") as holder:
                waiting = store.commit([StateSet(group="ours", key=str(number), value=b"1")])
                assert not waiting.is_done
                holder.kill()
                began_s = time.monotonic()
                waiting.result(WAIT_S)
                takeovers_s.append(time.monotonic() - began_s)

        assert store.state.group("partial") == []
        assert len(store.state.group("ours")) == times
    note(f"times={times} longest_takeover_ms={max(takeovers_s) * 1000:.1f}")
    return takeovers_s


def test_whoever_waits_behind_a_killed_writer_goes_on_and_sees_nothing_of_it(
    tmp_path: Path,
) -> None:
    assert max(die_inside(tmp_path / "data", 5)) < TAKEOVER_S_MAX


@pytest.mark.stress
@pytest.mark.timeout(200)
def test_so_it_is_each_time(tmp_path: Path) -> None:
    assert max(die_inside(tmp_path / "data", 100)) < TAKEOVER_S_MAX
