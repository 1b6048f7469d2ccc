"""A transactional handler killed at every point between its first write and after its commit."""

from __future__ import annotations

import contextlib
from functools import partial
from http.client import HTTPException
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.battery.crew import note
from tests.battery.shop import keys, serve, store_of, wait_idle
from tests.e2e.server import Server, wait_until

pytestmark = pytest.mark.slow

START = """
config = {"name": "Start", "type": "api", "path": "/start/:point", "method": "POST",
          "emits": ["go"]}


async def handler(req, context):
    point = req.params["point"]
    # Asked again where the answer was lost: a kill takes along whatever its process does.
    await context.emit({"topic": "go", "data": {"point": point}, "dedupeKey": point})
    return {"status": 202}
"""
# A point kills its process once, whatever else kills it too.
WORK = """
import os
import signal
from contextlib import suppress
from pathlib import Path

from motia_actors.stores.lmdb.work import Work
from motia_actors.stores.lmdb.writer import Writer

config = {
    "name": "Work", "type": "event", "subscribes": ["go"], "emits": ["done"],
    "infrastructure": {"queue": {
        "transactional": True, "maxRetries": 100, "backoff": {"delay": 0},
    }},
}
armed = set()


def die_at(point, here):
    if point != here:
        return
    with suppress(FileExistsError):
        os.close(os.open(f"killed-{point}", os.O_CREAT | os.O_EXCL))
        os.kill(os.getpid(), signal.SIGKILL)


finish, commit = Work.finish, Writer._commit_as_one


def finish_or_die(self):
    finish(self)
    if "inside the commit" in armed:
        die_at("inside the commit", "inside the commit")


def commit_or_die(self, batches):
    commit(self, batches)
    if "after the commit" in armed:
        die_at("after the commit", "after the commit")


Work.finish, Writer._commit_as_one = finish_or_die, commit_or_die


async def handler(data, context):
    point = data["point"]
    die_at(point, "at the start")
    count = await context.state.get("counts", "all") or 0
    die_at(point, "after the read")
    await context.state.set("counts", "all", count + 1)
    die_at(point, "after a set")
    await context.state.set("points", point, context.delivery.id)
    die_at(point, "after another")
    await context.state.delete("points", "nothing")
    die_at(point, "after a delete")
    await context.streams.log.set("all", point, {"point": point})
    die_at(point, "after a stream")
    await context.streams.log.send({"groupId": "all"}, {"type": "t", "data": 1})
    die_at(point, "after a send")
    await context.emit({"topic": "done", "data": {"point": point, "n": 1}})
    die_at(point, "after an emit")
    await context.emit({"topic": "done", "data": {"point": point, "n": 2}})
    die_at(point, "after all")
    armed.add(point)
"""
DONE = """
import uuid

config = {"name": "Done", "type": "event", "subscribes": ["done"], "emits": [],
          "infrastructure": {"queue": {"transactional": True, "maxRetries": 100,
                                       "backoff": {"delay": 0}}}}


async def handler(data, context):
    await context.state.set("done", f"{data['point']} {data['n']} {uuid.uuid4().hex}", 1)
"""
LOG = """
config = {"name": "log", "schema": {"type": "object"}, "baseConfig": {"storageType": "default"}}
"""
FILES = {
    "steps/start_step.py": START,
    "steps/work_step.py": WORK,
    "steps/done_step.py": DONE,
    "steps/log_stream.py": LOG,
}
POINTS = (
    "at the start",
    "after the read",
    "after a set",
    "after another",
    "after a delete",
    "after a stream",
    "after a send",
    "after an emit",
    "after all",
    "inside the commit",
    "after the commit",
    "never",
)


def started(server: Server, point: str) -> bool:
    with contextlib.suppress(OSError, HTTPException):
        return server.post(f"/start/{quote(point)}").status == 202
    return False


def test_state_streams_emits_and_ack_are_all_kept_once_wherever_it_is_killed(
    tmp_path: Path,
) -> None:
    with serve(tmp_path, count=2, files=FILES) as server, store_of(server) as store:
        for point in POINTS:
            wait_until(partial(started, server, point), what="the worker that takes it lives")
        wait_idle(store)

        killed = {path.name.removeprefix("killed-") for path in server.project.glob("killed-*")}
        done = sorted(key.rpartition(" ")[0] for key in keys(store, "done"))
        changes = store.streams.changes(after_seq=0, count_max=1000)
        note(f"points={len(killed)} done={len(done)} changes={len(changes)}")
        assert killed == set(POINTS) - {"never"}
        assert store.state.get("counts", "all") == str(len(POINTS)).encode()
        assert keys(store, "points") == set(POINTS)
        assert done == sorted(f"{point} {n}" for point in POINTS for n in (1, 2))
        # One item and one sent event for each.
        assert len(changes) == 2 * len(POINTS)
        assert {change.type for change in changes} == {"create", "event"}
        assert all(store.events.depth(step).dead == 0 for step in store.events.steps())
