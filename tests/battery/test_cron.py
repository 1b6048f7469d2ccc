"""A schedule served by several processes whose leader is killed or stands still."""

from __future__ import annotations

import fcntl
import os
import random
import signal
import struct
import threading
from pathlib import Path

import pytest

from motia_actors.actors.clock import LEADER_LOCK
from motia_actors.store import Store
from motia_actors.stores.lmdb.keys import name16
from tests.battery.crew import new_seed, note
from tests.battery.shop import keys, serve, store_of
from tests.e2e.server import Server, wait_until

pytestmark = pytest.mark.slow

SLOT_S = 2.0
STOP_S_MAX = 3.0
STEP = "steps/tick_step.py"
# struct flock of 64-bit Linux: type, whence, start, length, pid.
FLOCK = struct.Struct("hh4xqqi4x")

# Each fire has a trace of its own, and a run that is done again has the same one.
TICK = """
config = {
    "name": "Tick", "type": "cron", "cron": "*/2 * * * * *", "emits": [],
    "infrastructure": {"cron": {"overlap": "allow"}},
}


async def handler(context):
    await context.state.set("fired", context.trace_id, 1)
"""


def leader(server: Server) -> int:
    """Find the process that holds the leader's lock, 0 if nobody does."""
    path = server.project / ".motia" / "data" / "locks" / name16(LEADER_LOCK).hex()
    file = os.open(path, os.O_RDWR)
    try:
        asked = FLOCK.pack(fcntl.F_WRLCK, 0, 0, 0, 0)
        kind, _, _, _, pid = FLOCK.unpack(fcntl.fcntl(file, fcntl.F_GETLK, asked))
        return 0 if kind == fcntl.F_UNLCK else int(pid)
    finally:
        os.close(file)


def fired(store: Store) -> tuple[float, int]:
    """Wait for a moment in which nothing is under way; answers the last slot and the runs."""

    def look() -> tuple[float, int] | None:
        before = store.events.last_slot_s(STEP)
        depth, count = store.events.depth(STEP), len(keys(store, "fired"))
        if before is None or depth.waiting or depth.leased:
            return None
        return (before, count) if store.events.last_slot_s(STEP) == before else None

    found = wait_until(look, what="a quiet moment")
    assert found is not None
    return found


def wait_next(store: Store) -> None:
    """Wait until one more slot was claimed, by whomever."""
    last_s = store.events.last_slot_s(STEP)
    wait_until(lambda: store.events.last_slot_s(STEP) != last_s, what="the next slot")


def disturb(tmp_path: Path, times: int) -> None:
    """Kill or stop the leader so often; no slot fires twice, and few are missed."""
    chance = random.Random(new_seed())
    with (
        serve(tmp_path, count=3, files={"steps/tick_step.py": TICK}) as server,
        store_of(server) as store,
    ):
        first_s, before = fired(store)
        for number in range(times):
            pid = wait_until(lambda: leader(server), what="a leader")
            if number % 3 == 2:
                os.kill(pid, signal.SIGSTOP)
                threading.Event().wait(chance.random() * STOP_S_MAX)
                os.kill(pid, signal.SIGCONT)
            else:
                os.kill(pid, signal.SIGKILL)
            wait_next(store)
        last_s, after = fired(store)

        slots = round((last_s - first_s) / SLOT_S)
        note(f"disturbed={times} slots={slots} fired={after - before}")
        assert slots - times <= after - before <= slots


def test_each_slot_fires_once_while_leaders_are_killed_and_stopped(tmp_path: Path) -> None:
    disturb(tmp_path, 3)


@pytest.mark.stress
@pytest.mark.timeout(400)
def test_so_it_is_for_minutes(tmp_path: Path) -> None:
    disturb(tmp_path, 60)
