"""Handlers that fail, hang or take their process along: as many runs as allowed, and no more."""

from __future__ import annotations

import contextlib
import itertools
from http.client import HTTPException
from pathlib import Path

import msgspec
import pytest

from motia_actors.messages import DeadLetter
from motia_actors.store import Store
from tests.battery.crew import note
from tests.battery.shop import keys, serve, store_of, wait_idle
from tests.e2e.server import Server, wait_until

pytestmark = pytest.mark.slow

RETRIES_MAX = 3
DELAY_S = 0.2
POISON_RUNS = 2
DEADS_S_MAX = 30.0

GO = """
config = {"name": "Go", "type": "api", "path": "/go/:topic", "method": "POST", "emits": []}


async def handler(req, context):
    await context.emit({"topic": req.params["topic"], "data": req.body})
    return {"status": 202, "body": {}}
"""

GOOD = """
config = {"name": "Good", "type": "event", "subscribes": ["good"], "emits": []}


async def handler(event, context):
    await context.state.set("good", str(event["number"]), 1)
"""

# Fails the first `failures` times, and notes when each run began.
FLAKY = f"""
import time

config = {{
    "name": "Flaky", "type": "event", "subscribes": ["flaky"], "emits": [],
    "infrastructure": {{"queue": {{
        "maxRetries": {RETRIES_MAX}, "backoff": {{"type": "fixed", "delay": {DELAY_S}}},
    }}}},
}}


async def handler(event, context):
    failures = event["failures"]
    runs = await context.state.get("flaky", str(failures)) or []
    runs.append(time.time())
    await context.state.set("flaky", str(failures), runs)
    if len(runs) <= failures:
        raise ValueError(f"failure {{len(runs)}} of {{failures}}")
"""


def poison(name: str, body: str) -> str:
    """Write a step that notes each run and then does its worst."""
    return f"""
import ctypes
import os
import resource
from pathlib import Path

config = {{
    "name": "{name}", "type": "event", "subscribes": ["poison"], "emits": [],
    "infrastructure": {{
        "handler": {{"timeout": 0.5}},
        "queue": {{"maxRetries": {POISON_RUNS - 1}, "backoff": {{"type": "fixed", "delay": 0.05}}}},
    }},
}}


def hoard():
    # The whole process has no more than this.
    before = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 2**28, before[1]))
    try:
        [bytearray(2**22) for _ in range(2**20)]
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


async def handler(event, context):
    runs = await context.state.get_group("{name}")
    await context.state.set("{name}", str(len(runs)), os.getpid())
    {body}
"""


def posted(name: str, body: str) -> dict[str, str]:
    return {
        "steps/go_step.py": GO,
        "steps/good_step.py": GOOD,
        f"steps/{name}_step.py": poison(name, body),
    }


def letters(store: Store) -> list[DeadLetter]:
    return [
        letter for step in store.events.steps() for letter in store.events.dead(step, count_max=100)
    ]


def wait_taken(server: Server, number: int) -> None:
    """Give the good step something to do; the worker that takes it may just be dying."""

    def is_taken() -> bool:
        with contextlib.suppress(OSError, HTTPException):
            return server.post("/go/good", {"number": number}).status == 202
        return False

    wait_until(is_taken, what="a worker that serves")


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("exits", "os._exit(0)"),
        ("crashes", "ctypes.string_at(0)"),
        ("aborts", "os.abort()"),
        ("spins", "while True: pass"),
        ("hoards", "hoard()"),
    ],
)
def test_poison_is_put_away_and_other_steps_go_on(tmp_path: Path, name: str, body: str) -> None:
    with serve(tmp_path, count=2, files=posted(name, body)) as server, store_of(server) as store:
        # The event may take the worker along that is to answer, once it is on disk.
        with contextlib.suppress(HTTPException):
            assert server.post("/go/poison", {}).status == 202

        dead = wait_until(lambda: letters(store), what="a dead letter", limit_s=DEADS_S_MAX)
        for number in range(5):
            wait_taken(server, number)
        wait_idle(store)

        note(f"{name}: runs={len(keys(store, name))} letters={len(dead)}")
        assert keys(store, "good") == {str(number) for number in range(5)}
        # The last run of a killed process was counted when it was leased.
        assert [letter.attempts for letter in dead] in ([POISON_RUNS], [POISON_RUNS + 1])
        assert len(keys(store, name)) == POISON_RUNS


def test_a_delivery_runs_again_after_its_delay_until_it_works_or_is_used_up(
    tmp_path: Path,
) -> None:
    files = {"steps/go_step.py": GO, "steps/flaky_step.py": FLAKY}
    with serve(tmp_path, count=2, files=files) as server, store_of(server) as store:
        for failures in range(RETRIES_MAX + 3):
            server.post("/go/flaky", {"failures": failures})
        wait_idle(store)

        for failures in range(RETRIES_MAX + 3):
            kept = store.state.get("flaky", str(failures))
            runs_s = msgspec.json.decode(kept or b"[]", type=list[float])
            pauses_s = [later - run for run, later in itertools.pairwise(runs_s)]
            assert len(runs_s) == min(failures, RETRIES_MAX) + 1
            assert all(pause_s >= DELAY_S for pause_s in pauses_s), pauses_s
        dead = {letter.event.data: letter for letter in letters(store)}
        assert set(dead) == {b'{"failures":4}', b'{"failures":5}'}
        for letter in dead.values():
            assert letter.attempts == RETRIES_MAX + 1
            assert f"failure {letter.attempts} of" in letter.error
        server.stop_cleanly()
