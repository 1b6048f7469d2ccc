"""Events that need no row, while those who put and handle them are killed, and disks fail.

Each `own` puts events for a step of its own and takes them as they are put; what it dies with is
put again. Whatever happens when: what was acknowledged is handled, and what was committed together
with its end happened once.
"""

from __future__ import annotations

import errno
import os
import shutil
import signal
from collections import Counter
from pathlib import Path

import pytest

from motia_actors.clock import SystemClock
from motia_actors.store import Store
from motia_actors.stores.lmdb import LmdbStore
from tests.battery.clerk import EXIT_STORE
from tests.battery.crew import DRAIN_S_MAX, Crew, new_seed, note, problems
from tests.battery.power import PowerDisk
from tests.stores.driving import driven, lease

ROLES = ("own-1", "own-2", "own-3")
ENDS = (-signal.SIGKILL, EXIT_STORE)
LIVES_MAX = 1000
HITS, CUTS = 40, 6
OPTIONS = {"region": 4096, "bytes": 60}

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounting a disk wants root")
needs_fiu = pytest.mark.skipif(shutil.which("fiu-run") is None, reason="wants fiu-run")


def balance(folder: Path, lines: list[list[str]]) -> None:
    """Work off what is left, and compare the book with what was done."""
    with driven(LmdbStore(folder, SystemClock())) as store:
        left = _drained(store)
        plain = {item.key for item in store.state.group("plain")}
        once = {item.key: item.value for item in store.state.group("once")}
    acknowledged = {line[1] for line in lines if line[0] == "E"}
    ended = Counter((line[2], line[3]) for line in lines if line[0] == "A")
    brief = sum(line[0] == "W" for line in lines)
    note(f"acknowledged={len(acknowledged)} ended={len(ended)} {brief=} left={len(left)}")
    assert brief > 50, "nothing was done"
    assert acknowledged <= plain | once.keys() | left, "lost"
    assert set(once.values()) == {b"1"}, "committed twice"
    assert max(ended.values()) == 1, "ended twice"
    assert problems(folder) == []


def _drained(store: Store) -> set[str]:
    store.events.free_dead_owners()
    left: set[str] = set()
    while found := lease(store, 100, step="own", visibility_s=DRAIN_S_MAX):
        left.update(delivery.event.id for delivery in found)
    return left


@pytest.mark.slow
def test_nothing_is_lost_and_nothing_committed_twice_when_workers_are_killed(
    tmp_path: Path,
) -> None:
    with Crew(tmp_path, ROLES, seed=new_seed(), options={**OPTIONS, "die": 60}) as crew:
        for _ in range(HITS):
            crew.wait_lines(crew.chance.randint(1, 60), limit_s=0.5)
            crew.hit()
            crew.awake()
            crew.replace()
        crew.wait_word("A", crew.count("A") + 20)
    assert crew.deaths >= HITS / 2
    balance(tmp_path, crew.lines)


@needs_root
@pytest.mark.slow
@pytest.mark.stress
def test_a_power_cut_loses_no_event_without_a_row(tmp_path: Path) -> None:
    seed, lines = new_seed(), list[list[str]]()
    with PowerDisk(tmp_path) as disk:
        folder = disk.path / "data"
        for number in range(CUTS):
            lives = number * LIVES_MAX
            with Crew(folder, ROLES, seed=seed, options=OPTIONS, exits=ENDS, lives=lives) as crew:
                crew.wait_word("W", 10)
                crew.wait_lines(crew.chance.randint(1, 300), limit_s=5.0)
                disk.cut()
            lines += crew.lines
            disk.restore()
        balance(folder, lines)


@needs_fiu
@pytest.mark.slow
@pytest.mark.stress
@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC])
def test_appends_that_fail_now_and_then_lose_nothing(tmp_path: Path, code: int) -> None:
    fault = f"enable_random name=posix/io/rw/pwritev,probability=0.02,failinfo={code}"
    prefix = ["fiu-run", "-x", "-f", str(tmp_path), "-c", fault]
    folder = tmp_path / "data"
    with Crew(folder, ROLES, seed=new_seed(), options=OPTIONS, exits=ENDS, prefix=prefix) as crew:
        for _ in range(20):
            crew.wait_lines(60, limit_s=0.5)
            crew.hit()
            crew.awake()
            crew.replace()
    balance(folder, crew.lines)
