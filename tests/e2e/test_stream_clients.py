"""Motia's own stream clients, as npm has them, work unchanged."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from motia_actors.runners.node_binary import find_node
from tests import npm
from tests.e2e.server import OWN, Server, workers, write_project
from tests.e2e.test_live import STREAM

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

CLIENTS = Path(__file__).parent / "clients"
RUN_S_MAX = 60.0
DO = """
config = {"name": "Do", "type": "api", "path": "/do", "method": "POST", "emits": []}


async def handler(req, context):
    items, body = context.streams.items, req.body
    match body["what"]:
        case "set":
            await items.set("room", body["id"], body["data"])
        case "update":
            await items.update("room", body["id"], body["data"])
        case "delete":
            await items.delete("room", body["id"])
        case "send":
            typing = {"type": "typing", "data": body["data"]}
            await items.send({"groupId": "room", "id": "a"}, typing)
        case "burst":
            for number in range(body["count"]):
                await items.set("room", body["id"], {"n": number})
    return {"status": 200, "body": {}}
"""


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clients' scripts beside their packages."""
    folder = tmp_path_factory.mktemp("clients")
    for file in CLIENTS.iterdir():
        shutil.copy(file, folder)
    npm.install(folder)
    return folder


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    files = {"steps/items_stream.py": STREAM, "steps/do_step.py": DO}
    with Server(write_project(tmp_path / "live", files), options=workers(OWN, 2)) as server:
        yield server


def test_the_node_client_sees_what_happens_and_comes_back_after_a_restart(
    server: Server, scripts: Path
) -> None:
    command = [str(find_node("")), "node_client.mjs", str(server.port)]
    with subprocess.Popen(
        command, cwd=scripts, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as client:
        assert client.stdout is not None
        assert client.stdin is not None
        try:
            seen = json.loads(client.stdout.readline())
            server.stop_cleanly()
            server.start()
            server.post("/do", {"what": "set", "id": "new", "data": {"n": 9}})
            client.stdin.write("go\n")
            client.stdin.flush()
            after = json.loads(client.stdout.readline())
        finally:
            client.kill()

    assert seen["sorted"] == ["a", "b"]
    # Every one of a burst: no two changes have one timestamp, or the client would drop one.
    assert seen["changes"] == 51
    assert seen["updated"] == {"n": 49, "extra": 7, "id": "a"}
    assert sorted(seen["events"]) == [["group", {"who": "ada"}], ["item", {"who": "ada"}]]
    assert seen["other"] is None
    assert seen["left"] != 100
    assert after == ["a", "b", "new"]


def test_the_react_hooks_render_what_happens(server: Server, scripts: Path) -> None:
    ended = subprocess.run(
        [str(find_node("")), "react_client.mjs", str(server.port)],
        cwd=scripts,
        capture_output=True,
        text=True,
        timeout=RUN_S_MAX,
        check=False,
    )

    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.strip() == "a29|29"
