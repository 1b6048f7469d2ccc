"""Disks that lose power, fail now and then, or are full: root and tools of the system."""

from __future__ import annotations

import errno
import itertools
import os
import shutil
import signal
from pathlib import Path

import pytest

from motia_actors.clock import SystemClock
from motia_actors.stores.lmdb import LmdbStore
from tests.battery.clerk import EXIT_STORE
from tests.battery.crew import Crew, balance, new_seed, note, problems
from tests.battery.power import PowerDisk
from tests.stores.driving import driven

pytestmark = [pytest.mark.slow, pytest.mark.stress, pytest.mark.timeout(300)]

ROLES = ("maker-a", "maker-b", "std-1", "fifo-1", "sink-1")
LIVES_MAX = 1000
CUTS, ROUNDS = 8, 10
DRAIN_S_MAX = 200.0
ENDS = (-signal.SIGKILL, EXIT_STORE)
CALLS = ("rw/pwrite", "rw/pwritev", "sync/fdatasync", "dir/ftruncate")
SHARE = 0.004
SMALL_DISK_BYTES = 24 * 2**20

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounting a disk wants root")
needs_fiu = pytest.mark.skipif(shutil.which("fiu-run") is None, reason="wants fiu-run")


def finish(folder: Path, lines: list[list[str]], *, seed: int) -> None:
    """Let a healthy crew work off what is left, and compare the books of all."""
    with (
        driven(LmdbStore(folder, SystemClock())) as store,
        Crew(folder, ROLES[2:], seed=seed, lives=LIVES_MAX**2) as crew,
    ):
        crew.drain(store, limit_s=DRAIN_S_MAX)
        crew.lines[:0] = lines
        balance(crew, store)
    assert problems(folder) == []


@needs_root
def test_a_power_cut_loses_nothing_acknowledged(tmp_path: Path) -> None:
    seed, lines = new_seed(), list[list[str]]()
    with PowerDisk(tmp_path) as disk:
        folder = disk.path / "data"
        for number in range(CUTS):
            lives = number * LIVES_MAX
            with Crew(folder, ROLES, seed=seed, exits=ENDS, lives=lives) as crew:
                crew.wait_word("E", 5)
                crew.wait_lines(crew.chance.randint(1, 300), limit_s=5.0)
                disk.cut()
            lines += crew.lines
            disk.restore()
            assert problems(folder) == []

        note(f"power_cuts={CUTS}")
        finish(folder, lines, seed=seed)


@needs_fiu
def test_calls_of_the_system_that_fail_now_and_then_lose_nothing(tmp_path: Path) -> None:
    seed, lines, folder, deaths = new_seed(), list[list[str]](), tmp_path / "data", 0
    for number, (call, code) in enumerate(itertools.product(CALLS, (errno.EIO, errno.ENOSPC))):
        fault = f"enable_random name=posix/io/{call},probability={SHARE},failinfo={code}"
        prefix = ["fiu-run", "-x", "-f", str(tmp_path), "-c", fault]
        lives = number * LIVES_MAX
        with Crew(folder, ROLES, seed=seed, exits=ENDS, lives=lives, prefix=prefix) as crew:
            for _ in range(ROUNDS):
                crew.wait_lines(40, limit_s=0.3)
                crew.replace()
        lines += crew.lines
        deaths += crew.deaths

    note(f"ended_by_failed_calls={deaths}")
    assert deaths > 0
    finish(folder, lines, seed=seed)


@needs_root
def test_a_disk_that_is_full_refuses_and_goes_on_once_there_is_room(tmp_path: Path) -> None:
    seed = new_seed()
    with PowerDisk(tmp_path, size_bytes=SMALL_DISK_BYTES) as disk:
        folder, ballast = disk.path / "data", disk.path / "ballast"
        ballast.write_bytes(b"x" * (shutil.disk_usage(disk.path).free - 2**21))
        with (
            driven(LmdbStore(folder, SystemClock())) as store,
            Crew(folder, ROLES, seed=seed, options={"bytes": 20_000}) as crew,
        ):
            crew.wait_word("F", 20)
            ballast.unlink()
            crew.wait_word("A", crew.count("A") + 50)
            crew.drain(store)

            balance(crew, store)
            assert crew.deaths == 0
