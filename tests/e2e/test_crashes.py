"""Work that dies in the middle is taken up again, and work that kills is put away."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

from tests.e2e.server import OWN, Server, wait_until, workers, write_project

pytestmark = pytest.mark.slow

TAKEOVER_S_MAX = 5.0

FILES = {
    "steps/go_step.py": """
config = {"name": "Go", "type": "api", "path": "/go/:topic", "method": "POST", "emits": []}


async def handler(req, context):
    await context.emit({"topic": req.params["topic"], "data": {}})
    return {"status": 202, "body": {}}
""",
    "steps/runs_step.py": """
import os

config = {"name": "Runs", "type": "api", "path": "/runs/:name", "method": "GET", "emits": []}


async def handler(req, context):
    return {"status": 200, "body": await context.state.get_group(req.params["name"])}
""",
    # Its first run hangs until its process is killed, every later one ends at once.
    "steps/hang_step.py": """
import asyncio
import os

config = {"name": "Hang", "type": "event", "subscribes": ["hang"], "emits": []}


async def handler(event, context):
    runs = await context.state.get_group("hang")
    await context.state.set("hang", str(len(runs)), os.getpid())
    if not runs:
        await asyncio.Event().wait()
""",
    "steps/kill_step.py": """
import os

config = {
    "name": "Kill", "type": "event", "subscribes": ["kill"], "emits": [],
    "infrastructure": {"queue": {"maxRetries": 1}},
}


async def handler(event, context):
    runs = await context.state.get_group("kill")
    await context.state.set("kill", str(len(runs)), os.getpid())
    os._exit(9)
""",
    "steps/narrow_step.py": """
import threading

config = {
    "name": "Narrow", "type": "api", "path": "/narrow", "method": "GET", "emits": [],
    "infrastructure": {"concurrency": 1, "mailbox": {"size": 1}},
}


def handler(req, context):
    threading.Event().wait(1.0)
    return {"status": 200, "body": {}}
""",
}


def serve(tmp_path: Path, *, count: int) -> Server:
    project = write_project(tmp_path / "project", FILES)
    return Server(project, options=workers(OWN, count))


def test_a_dead_worker_s_deliveries_are_run_by_another_at_once(tmp_path: Path) -> None:
    with serve(tmp_path, count=2) as server:
        server.post("/go/hang")
        first = wait_until(lambda: server.get("/runs/hang").json, what="the first run began")[0]

        os.kill(first, signal.SIGKILL)

        # Its lease would have run for 15 minutes more.
        wait_until(
            lambda: len(server.get("/runs/hang").json) == 2,
            what="the second run",
            limit_s=TAKEOVER_S_MAX,
        )
        assert server.get("/runs/hang").json[1] != first


def test_a_restart_runs_what_the_killed_server_held(tmp_path: Path) -> None:
    with serve(tmp_path, count=1) as server:
        server.post("/go/hang")
        wait_until(lambda: server.get("/runs/hang").json, what="the first run began")
        server.kill()

        server.start()

        wait_until(
            lambda: len(server.get("/runs/hang").json) == 2,
            what="the second run",
            limit_s=TAKEOVER_S_MAX,
        )
        server.stop_cleanly()


def test_a_handler_that_kills_its_process_runs_as_often_as_it_may_and_no_more(
    tmp_path: Path,
) -> None:
    with serve(tmp_path, count=1) as server:
        server.post("/go/kill")

        wait_until(lambda: server.served_count() == 3, what="gunicorn started a worker twice anew")

        wait_until(lambda: "dead" in server.log().lower(), what="the dead letter is logged")
        assert len(server.get("/runs/kill").json) == 2
        assert server.post("/go/nobody").status == 202


def test_a_full_mailbox_is_a_503_that_says_when_to_come_again(tmp_path: Path) -> None:
    with serve(tmp_path, count=1) as server:
        answers = []
        clients = [
            threading.Thread(target=lambda: answers.append(server.get("/narrow"))) for _ in range(6)
        ]
        for client in clients:
            client.start()
        for client in clients:
            client.join()

        # One runs, one waits; the rest is refused at once.
        assert sorted(answer.status for answer in answers) == [200, 200, 503, 503, 503, 503]
        assert all(
            int(answer.headers["retry-after"]) >= 1 for answer in answers if answer.status == 503
        )
        server.stop_cleanly()
