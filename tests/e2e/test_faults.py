"""A step that misbehaves hurts itself alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.server import OWN, Server, wait_until, workers, write_project

pytestmark = pytest.mark.slow


def api_step(name: str, body: str, *, extra: str = "") -> str:
    """Write an endpoint GET /<name> whose handler has this body."""
    return f"""
import sys
import threading

config = {{
    "name": "{name}", "type": "api", "path": "/{name}", "method": "GET", "emits": [], {extra}
}}


def handler(req, context):
    {body}
"""


def event_step(name: str, body: str) -> str:
    """Write a step that listens to `go` and notes in the state that it began."""
    return f"""
import sys

config = {{
    "name": "{name}", "type": "event", "subscribes": ["go"], "emits": [],
    "infrastructure": {{"queue": {{"maxRetries": 0}}}},
}}


async def handler(event, context):
    await context.state.set("ran", "{name}", True)
    {body}
"""


PROJECT = {
    "steps/good_step.py": api_step("good", 'return {"status": 200, "body": {"good": True}}'),
    "steps/raises_step.py": api_step("raises", 'raise RuntimeError("secret of the house")'),
    "steps/exits_step.py": api_step("exits", "sys.exit(3)"),
    "steps/nothing_step.py": api_step("nothing", "return None"),
    "steps/blocks_step.py": api_step(
        "blocks",
        "threading.Event().wait()",
        extra='"infrastructure": {"handler": {"timeout": 0.5}}',
    ),
    "steps/broken_step.py": "config = {'name': 'Broken', 'type': 'api'\n",
    "steps/odd_step.py": "config = {'name': 'Odd', 'type': 'tea'}\n",
    "steps/event_raises_step.py": event_step("event-raises", 'raise ValueError("no")'),
    "steps/event_exits_step.py": event_step("event-exits", "sys.exit(4)"),
    "steps/event_good_step.py": event_step("event-good", ""),
    "steps/go_step.py": """
config = {"name": "Go", "type": "api", "path": "/go", "method": "POST", "emits": ["go"]}


async def handler(req, context):
    await context.emit({"topic": "go", "data": {}})
    return {"status": 202, "body": {}}
""",
    "steps/ran_step.py": """
config = {"name": "Ran", "type": "api", "path": "/ran", "method": "GET", "emits": []}


async def handler(req, context):
    return {"status": 200, "body": {"count": len(await context.state.get_group("ran"))}}
""",
}

INTERNAL = {"error": "Internal server error"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    project = write_project(tmp_path_factory.mktemp("faults") / "project", PROJECT)
    with Server(project, options=workers(OWN, 1)) as server:
        yield server


def assert_others_work(server: Server) -> None:
    answer = server.get("/good")
    assert (answer.status, answer.json) == (200, {"good": True})


@pytest.mark.parametrize("fault", ["raises", "exits", "nothing"])
def test_a_failing_handler_is_a_500_that_gives_nothing_away(server: Server, fault: str) -> None:
    for _ in range(10):
        answer = server.get(f"/{fault}")
        assert (answer.status, answer.json) == (500, INTERNAL)

    assert_others_work(server)


def test_the_log_says_what_a_failing_handler_died_of(server: Server) -> None:
    server.get("/raises")

    wait_until(lambda: "secret of the house" in server.log(), what="the error is logged")


def test_a_handler_that_blocks_for_ever_is_a_504_and_holds_up_nobody(server: Server) -> None:
    assert server.get("/blocks").status == 504
    assert_others_work(server)

    again = server.get("/blocks")

    # Its actor was restarted, or rests for a moment after too many restarts.
    assert again.status in (503, 504)
    assert_others_work(server)


@pytest.mark.parametrize("file", ["broken_step.py", "odd_step.py"])
def test_a_broken_file_is_named_in_the_log_and_the_rest_is_served(
    server: Server, file: str
) -> None:
    assert file in server.log()
    assert_others_work(server)


def test_listeners_of_one_topic_fail_each_for_itself(server: Server) -> None:
    assert server.post("/go").status == 202

    wait_until(lambda: server.get("/ran").json == {"count": 3}, what="all three listeners ran")
    assert_others_work(server)


def test_a_handler_that_blocks_for_ever_does_not_hold_up_the_end(tmp_path: Path) -> None:
    project = write_project(tmp_path / "project", PROJECT)
    with Server(project, options=workers(OWN, 1)) as server:
        assert server.get("/blocks").status == 504

        server.stop_cleanly()
