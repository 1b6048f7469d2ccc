"""`motia-actors check` and `motia-actors dev`, as their user meets them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.server import EXAMPLES, Server, copy_project, wait_until, write_project

pytestmark = pytest.mark.slow

GREETING = """
config = {{"name": "Greet", "type": "api", "path": "/greet", "method": "GET", "emits": []}}


async def handler(req, context):
    return {{"status": 200, "body": "{word}", "headers": {{"content-type": "text/plain"}}}}
"""


def check(project: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "motia_actors", "check", "--project", str(project)]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.parametrize("name", ["hello", "orders", "chat"])
def test_check_finds_nothing_wrong_with_an_example(name: str, tmp_path: Path) -> None:
    result = check(copy_project(EXAMPLES / name, tmp_path / name))

    assert result.returncode == 0, result.stdout + result.stderr


def test_check_names_file_field_and_reason_of_every_problem(tmp_path: Path) -> None:
    files = {
        "steps/half_step.py": "config = {",
        "steps/pathless_step.py": "config = {'name': 'P', 'type': 'api', 'method': 'GET'}",
        "steps/greet_step.py": GREETING.format(word="hi"),
    }

    result = check(write_project(tmp_path / "project", files))

    said = result.stdout + result.stderr
    assert result.returncode != 0
    assert "half_step.py" in said
    assert "pathless_step.py" in said
    assert "path" in said.replace("pathless", "")
    assert "Traceback" not in said


@pytest.fixture
def dev(tmp_path: Path) -> Iterator[Server]:
    files = {"steps/greet_step.py": GREETING.format(word="one")}
    with Server(write_project(tmp_path / "project", files), via="dev", options=()) as server:
        yield server


def edit(server: Server, text: str) -> None:
    (server.project / "steps" / "greet_step.py").write_text(text, "utf-8")


def test_dev_serves_an_edit_and_keeps_the_old_step_over_a_broken_one(dev: Server) -> None:
    assert dev.get("/greet").body == b"one"

    edit(dev, GREETING.format(word="two"))
    wait_until(lambda: dev.get("/greet").body == b"two", what="the edit is served")
    edit(dev, "config = {")
    wait_until(lambda: "never closed" in dev.log(), what="the broken edit is reported")
    assert dev.get("/greet").body == b"two"
    edit(dev, GREETING.format(word="three"))
    wait_until(lambda: dev.get("/greet").body == b"three", what="the mended edit is served")

    assert dev.stop() == 0


def test_dev_serves_a_new_step_and_forgets_a_removed_one(dev: Server) -> None:
    new = dev.project / "steps" / "new_step.py"
    new.write_text(GREETING.format(word="new").replace("reet", "rin"), "utf-8")
    wait_until(lambda: dev.get("/grin").body == b"new", what="the new step is served")

    new.unlink()

    wait_until(lambda: dev.get("/grin").status == 404, what="the removed step is gone")
    assert dev.stop() == 0


def test_dev_takes_events_and_shows_the_state_over_http(tmp_path: Path) -> None:
    project = copy_project(EXAMPLES / "hello", tmp_path / "hello")
    with Server(project, via="dev", options=()) as server:
        event = {"topic": "message.sent", "data": {"id": "m1", "text": "by hand"}}
        assert server.post("/emit", event).json == {"success": True, "emitted": event}

        wait_until(
            lambda: b"by hand" in server.get("/__motia/state?groupId=messages").body,
            what="the state shows the message",
        )
        assert server.stop() == 0
