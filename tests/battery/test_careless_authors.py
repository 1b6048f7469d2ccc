"""What a careless step does to its process: how far it reaches from a thread, a child and Node."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path

import pytest

from tests.e2e.server import OWN, Server, wait_until, workers, write_project

pytestmark = pytest.mark.slow

WHERE = ("thread", "process")
DONE = 'return {"status": 200, "body": {}}'

# What a handler does, by what it is called.
BODIES = {
    "spin": "while True:\n        pass",
    "stdout": f"sys.stdout = sys.stderr = open(os.devnull, 'w')\n    {DONE}",
    "closed-stdout": f"sys.stdout.close()\n    {DONE}",
    "folder": f"os.chdir('/')\n    {DONE}",
    "del": f"Grudge()\n    {DONE}",
    "outlive": f"threading.Thread(target=threading.Event().wait).start()\n    {DONE}",
    "leave": "sys.exit(3)",
    "fork": f"if os.fork() == 0:\n        os._exit(0)\n    {DONE}",
    "fork-3": (
        "child = os.fork()\n"
        "    if child == 0:\n        os._exit(3)\n"
        f"    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3\n    {DONE}"
    ),
    "exit": "os._exit(9)",
    "exit-as-gunicorn": "os._exit(3)",
    "close": f"os.closerange(3, 1000)\n    {DONE}",
}


def step(name: str, body: str, where: str) -> str:
    """Write an endpoint GET /<where>/<name>."""
    isolation = '"isolation": "process", ' if where == "process" else ""
    return f"""
import os
import sys
import threading

config = {{
    "name": "{where}-{name}", "type": "api", "path": "/{where}/{name}", "method": "GET",
    "emits": [], "infrastructure": {{{isolation}"handler": {{"timeout": 3}}}},
}}


class Grudge:
    def __del__(self):
        raise RuntimeError("a grudge")


def handler(req, context):
    {body}
"""


FILES = {
    "steps/good_step.py": """
import os

config = {"name": "Good", "type": "api", "path": "/good", "method": "POST", "emits": ["noted"]}


async def handler(req, context):
    await context.emit({"topic": "noted", "data": req.body})
    context.logger.info(f"heard {req.body['n']}")
    return {"status": 200, "body": {"folder": os.getcwd()}}
""",
    "steps/note_step.py": """
config = {"name": "Note", "type": "event", "subscribes": ["noted"], "emits": []}


async def handler(event, context):
    await context.state.set("noted", str(event["n"]), event["n"])
""",
    "steps/noted_step.py": """
config = {"name": "Noted", "type": "api", "path": "/noted", "method": "GET", "emits": []}


async def handler(req, context):
    return {"status": 200, "body": await context.state.get_group("noted")}
""",
    "steps/node-exit.step.js": """
export const config = {
  name: 'NodeExit', type: 'api', path: '/node/exit', method: 'GET', emits: [],
}
export const handler = async () => process.exit(3)
""",
    "steps/node-folder.step.js": """
export const config = {
  name: 'NodeFolder', type: 'api', path: '/node/folder', method: 'GET', emits: [],
}
export const handler = async () => {
  process.chdir('/')
  return { status: 200, body: {} }
}
""",
    "steps/node-outlive.step.js": """
export const config = {
  name: 'NodeOutlive', type: 'api', path: '/node/outlive', method: 'GET', emits: [],
}
export const handler = async () => {
  setInterval(() => {}, 1000)
  return { status: 200, body: {} }
}
""",
    "steps/node-late.step.js": """
export const config = {
  name: 'NodeLate', type: 'api', path: '/node/late', method: 'GET', emits: [],
}
export const handler = async () => {
  setTimeout(() => { throw new Error('too late') }, 10)
  return { status: 200, body: {} }
}
""",
    **{
        f"steps/{where}_{name}_step.py": step(name, body, where)
        for where in WHERE
        for name, body in BODIES.items()
    },
}


class Served:
    """A server, and what it was asked so far."""

    def __init__(self, server: Server) -> None:
        self.server, self._count = server, 0

    def status(self, path: str) -> int:
        """Ask for it; 0: the connection ended without an answer."""
        with contextlib.suppress(OSError, HTTPException):
            return self.server.get(path).status
        return 0

    def folder(self) -> str:
        """Pass a request, an event and a line of the log, and say where the worker is."""
        self._count += 1
        number = self._count
        answer = self.server.post("/good", {"n": number})
        assert answer.status == 200
        wait_until(lambda: number in self.server.get("/noted").json, what="the event was run")
        wait_until(lambda: f"heard {number}" in self.server.log(), what="the line is logged")
        return str(answer.json["folder"])


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    project = write_project(tmp_path / "project", FILES)
    with Server(project, options=workers(OWN, 1)) as server:
        yield Served(server)


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("spin", 504),
        ("stdout", 200),
        ("closed-stdout", 200),
        ("del", 200),
        ("leave", 500),
        ("fork", 200),
        ("fork-3", 200),
    ],
)
def test_the_process_goes_on_and_so_do_the_others(
    served: Served, where: str, name: str, status: int
) -> None:
    before = served.server.workers()

    assert served.status(f"/{where}/{name}") == status

    served.folder()
    assert served.server.workers() == before


@pytest.mark.parametrize("where", WHERE)
def test_a_thread_that_outlives_its_handler_does_not_hold_up_the_end(
    served: Served, where: str
) -> None:
    assert served.status(f"/{where}/outlive") == 200
    served.folder()

    served.server.stop_cleanly()


@pytest.mark.parametrize("name", ["exit", "close"])
def test_a_child_that_ends_itself_fails_its_request_alone(served: Served, name: str) -> None:
    before = served.server.workers()

    assert served.status(f"/process/{name}") == 500

    served.folder()
    assert served.server.workers() == before


@pytest.mark.parametrize("name", ["exit", "exit-as-gunicorn", "close"])
def test_a_worker_that_a_thread_ends_is_replaced_and_keeps_what_it_acknowledged(
    served: Served, name: str
) -> None:
    served.folder()
    before = served.server.workers()

    assert served.status(f"/thread/{name}") in (0, 500)

    wait_until(lambda: before[0] not in served.server.workers(), what="another worker")
    wait_until(lambda: served.status("/noted") == 200, what="it serves")
    assert served.server.get("/noted").json == [1]
    served.folder()


def test_the_folder_is_shared_by_threads_and_not_with_children(served: Served) -> None:
    own = served.folder()

    assert served.status("/process/folder") == 200
    assert served.status("/node/folder") in (200, 500)
    assert served.folder() == own

    assert served.status("/thread/folder") == 200
    assert served.folder() == "/"


@pytest.mark.parametrize(("name", "status"), [("exit", 500), ("outlive", 200), ("late", 200)])
def test_node_ends_its_own_process_alone_and_another_takes_over(
    served: Served, name: str, status: int
) -> None:
    before = served.server.workers()

    assert served.status(f"/node/{name}") == status

    served.folder()
    wait_until(lambda: served.status("/node/outlive") == 200, what="Node answers again")
    assert served.server.workers() == before
    served.server.stop_cleanly()
