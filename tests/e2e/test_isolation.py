"""Steps in processes of their own, served: what hangs is killed and run again, the rest goes on."""

from __future__ import annotations

import os
import select
import threading
from pathlib import Path

import pytest

from tests.e2e.server import OWN, Server, wait_until, workers, write_project

pytestmark = pytest.mark.slow

FILES = {
    "steps/go_step.py": """
config = {"name": "Go", "type": "api", "path": "/go", "method": "POST", "emits": []}


async def handler(req, context):
    await context.emit({"topic": "work", "data": req.body})
    return {"status": 202, "body": {}}
""",
    "steps/runs_step.py": """
config = {"name": "Runs", "type": "api", "path": "/runs", "method": "GET", "emits": []}


async def handler(req, context):
    return {"status": 200, "body": await context.state.get_group("runs")}
""",
    # Its first run never ends by itself.
    "steps/work_step.py": """
import os

config = {
    "name": "Work", "type": "event", "subscribes": ["work"], "emits": [],
    "infrastructure": {
        "isolation": "process", "processes": 2,
        "handler": {"timeout": 3}, "queue": {"maxRetries": 1, "backoff": {"delay": 0.1}},
    },
}


def handler(event, context):
    attempt = context.delivery.attempt
    context.state.set("runs", f"{event['n']}-{attempt}", {"attempt": attempt, "pid": os.getpid()})
    while attempt == 1:
        pass
""",
    "steps/spin_step.py": """
import os

config = {
    "name": "Spin", "type": "api", "path": "/spin", "method": "GET", "emits": [],
    "infrastructure": {"isolation": "process", "handler": {"timeout": 3}},
}


async def handler(req, context):
    while "spin" in req.queryParams:
        pass
    return {"status": 200, "body": os.getpid()}
""",
    "steps/die_step.py": """
import os

config = {
    "name": "Die", "type": "api", "path": "/die", "method": "GET", "emits": [],
    "infrastructure": {"isolation": "process"},
}


def handler(req, context):
    os._exit(1)
""",
}


def two(runs: list[dict[str, int]]) -> list[dict[str, int]]:
    return runs if len(runs) == 2 else []


@pytest.mark.parametrize("worker", [OWN, "gthread", "gevent"])
def test_what_hangs_is_killed_and_run_again_and_the_rest_goes_on(
    tmp_path: Path, worker: str
) -> None:
    write_project(tmp_path, FILES)
    threads = () if worker == "gevent" else ("--threads", "8")
    with (
        Server(tmp_path, options=(*workers(worker, 1), *threads)) as server,
        server.client() as ask,
    ):
        before = ask.get("/spin").json
        answers: list[int] = []

        def spin() -> None:
            with server.client() as other:
                answers.append(other.get("/spin?spin=1").status)

        stuck = threading.Thread(target=spin)
        stuck.start()
        assert ask.post("/go", {"n": 1}).status == 202
        runs = wait_until(lambda: two(ask.get("/runs").json), what="both runs", limit_s=30.0)
        stuck.join()

        assert [run["attempt"] for run in runs] == [1, 2]
        assert answers == [504]
        assert wait_until(lambda: ask.get("/spin").status == 200, what="a new process")
        assert ask.get("/spin").json != before
        assert ask.get("/die").status == 500
        assert ask.get("/runs").status == 200


def test_a_server_that_ends_leaves_no_process_behind(tmp_path: Path) -> None:
    write_project(tmp_path, FILES)
    with Server(tmp_path, options=workers(OWN, 1)) as server, server.client() as ask:
        watched = os.pidfd_open(ask.get("/spin").json)

    assert select.select([watched], [], [], 10.0)[0]
    os.close(watched)
