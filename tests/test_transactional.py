"""Transactional steps: what a handler writes and emits is kept with its ack, or not at all."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from motia_actors.app import Application
from motia_actors.clock import SystemClock
from motia_actors.messages import Event, Target
from motia_actors.payload import decode, encode
from motia_actors.settings import Settings
from motia_actors.store import EventPut, Store
from motia_actors.stores.lmdb.store import LmdbStore
from motia_actors.telemetry.traces import new_event_id
from motia_actors.threads import NativeThread

COUNT = """
import random

config = {{
    "name": "Count", "type": "event", "subscribes": ["go"], "emits": ["counted"],
    "infrastructure": {{
        "concurrency": 8,
        "queue": {{"transactional": True, "maxRetries": 50, "backoff": {{"delay": 0}}}},
    }},
}}

async def handler(data, context):
    count = await context.state.get("counts", "first") or 0
    await context.state.set("counts", "first", count + 1)
    await context.streams.log.set("all", str(data["n"]), {{"n": data["n"]}})
    await context.emit({{"topic": "counted", "data": data}})
    if random.random() < {chance}:
        raise RuntimeError("after everything was written")
"""
COUNTED = """
config = {
    "name": "Counted", "type": "event", "subscribes": ["counted"], "emits": [],
    "infrastructure": {"queue": {"transactional": True, "maxRetries": 50}},
}

def handler(data, context):
    count = context.state.get("counts", "second") or 0
    context.state.set("counts", "second", count + 1)
"""
STREAM = 'config = {"name": "log", "schema": {}, "baseConfig": {"storageType": "default"}}\n'
STEP = "steps/count_step.py"
KILLS = int(os.environ.get("KILLS", "12"))
RUNS_S_MAX = 30.0 + KILLS


@pytest.fixture
def project(tmp_path: Path) -> Path:
    steps = tmp_path / "shop" / "steps"
    steps.mkdir(parents=True)
    (steps / "count_step.py").write_text(COUNT.format(chance=0.2))
    (steps / "counted_step.py").write_text(COUNTED)
    (steps / "log_stream.py").write_text(STREAM)
    return tmp_path / "shop"


@pytest.fixture(autouse=True)
def _in_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def settings(project: Path) -> Settings:
    return Settings(project=project, log_level="error", log_format="json", drain_s=RUNS_S_MAX)


def emit(project: Path, count: int) -> None:
    """Queue events by a process that then ends."""

    def put() -> None:
        with_store(project, lambda store: _put_all(store, count))

    in_a_child(put)


def _put_all(store: Store, count: int) -> None:
    for n in range(count):
        event = Event(id=new_event_id(0.0), topic="go", data=encode({"n": n}), trace_id="T")
        store.write(EventPut(event=event, targets=(Target(step=STEP),)))


def with_store(project: Path, use: Callable[[Store], Any]) -> Any:
    """Open the project's store without its steps, with a writer of its own."""
    store = LmdbStore(project / ".motia" / "data", SystemClock())
    store.open()
    is_over: list[bool] = []

    def write() -> None:
        while not is_over:
            store.commit_waiting(wait_s=0.05)

    writer = NativeThread(write, name="writer")
    writer.start()
    try:
        return use(store)
    finally:
        is_over.append(True)
        assert writer.join(5.0)
        store.close()


def in_a_child(work: Callable[[], object]) -> int:
    """Run work in a process of its own; answers its id once it ended well."""
    child = fork(work)
    assert os.waitpid(child, 0)[1] == 0
    return child


def fork(work: Callable[[], object]) -> int:
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return child


def serve(project: Path) -> None:
    """Run the project until it is killed."""
    Application(settings(project)).start()
    time.sleep(RUNS_S_MAX)  # The parent kills this process long before.


def finish(project: Path) -> None:
    """Run the project until nothing is left to do."""
    app = Application(settings(project))
    app.start()
    running = app._running
    assert running is not None
    until_s = time.monotonic() + RUNS_S_MAX
    while running.store.events.steps() and time.monotonic() < until_s:
        time.sleep(0.02)  # Another process' work tells this one of its end by the store alone.
    left = running.store.events.steps()
    app.stop(drain_s=5.0)
    assert not left, left


def counts(project: Path) -> tuple[int, int, int]:
    def read(store: Store) -> tuple[int, int, int]:
        first, second = store.state.get("counts", "first"), store.state.get("counts", "second")
        assert first is not None
        assert second is not None
        return decode(first), decode(second), len(store.streams.group("log", "all"))

    found = project / "found.json"
    in_a_child(lambda: found.write_bytes(encode(with_store(project, read))))
    first, second, items = decode(found.read_bytes())
    return first, second, items


@pytest.mark.slow
def test_handlers_side_by_side_that_fail_at_times_count_exactly(project: Path) -> None:
    emit(project, 60)

    in_a_child(lambda: finish(project))

    assert counts(project) == (60, 60, 60)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_processes_killed_at_any_moment_count_exactly(project: Path) -> None:
    kills, seed = KILLS, random.randrange(1 << 30)
    chance = random.Random(seed)
    (project / "steps" / "count_step.py").write_text(COUNT.format(chance=0.02))
    emit(project, 20 * kills)

    for _ in range(kills):
        children = [fork(lambda: serve(project)) for _ in range(2)]
        time.sleep(chance.uniform(0.05, 0.35))  # A moment nobody chose.
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    in_a_child(lambda: finish(project))

    assert counts(project) == (20 * kills,) * 3, f"seed {seed}"
