"""Two hosts on three NATS servers: events, sockets, kills, a new version of a step."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import connect

from tests.e2e.server import OWN, Server, wait_until, write_project
from tests.e2e.test_live import FILES, heard, join
from tests.nats_servers import Server as Nats
from tests.nats_servers import address, three_servers

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

HANDLER = """
config = {"name": "Note", "type": "event", "subscribes": ["noted"], "emits": []}


async def handler(data, context):
    await context.state.set("notes", data["id"], {"id": data["id"], "by": "VERSION"})
"""
EMITTER = """
config = {"name": "Take", "type": "api", "method": "POST", "path": "/take", "emits": ["noted"]}


async def handler(req, context):
    await context.emit({"topic": "noted", "data": req.body})
    return {"status": 200, "body": req.body}
"""
READER = """
config = {"name": "Notes", "type": "api", "method": "GET", "path": "/notes", "emits": []}


async def handler(req, context):
    notes = await context.state.get_group("notes")
    return {"status": 200, "body": {note["id"]: note["by"] for note in notes}}
"""


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[list[Nats]]:
    with three_servers(tmp_path / "nats") as servers:
        yield servers


def a_host(folder: Path, cluster: list[Nats], *, version: str = "one") -> Server:
    files = {
        **FILES,
        "steps/note_step.py": HANDLER.replace("VERSION", version),
        "steps/take_step.py": EMITTER,
        "steps/notes_step.py": READER,
    }
    where = address(cluster, more=f"&log_bytes={256 * 2**20}")
    return Server(
        write_project(folder, files),
        options=("-w", "2", "-k", OWN, "--threads", "8"),
        env={"MOTIA_STORE": where},
    )


def notes(server: Server) -> Any:
    with server.client() as client:
        return client.get("/notes").json


def take(server: Server, ids: range) -> None:
    with server.client() as client:
        for number in ids:
            assert client.post("/take", {"id": str(number)}).status == 200


def test_hosts_share_events_and_state_and_outlive_kills(
    tmp_path: Path, cluster: list[Nats]
) -> None:
    with (
        a_host(tmp_path / "a", cluster) as a,
        a_host(tmp_path / "b", cluster, version="two") as b,
    ):
        take(a, range(20))
        wait_until(lambda: len(notes(b)) == 20, what="all notes on the other host")

        cluster[0].kill()
        take(a, range(20, 40))
        take(b, range(40, 60))
        os.killpg(a.process.pid, signal.SIGKILL)
        a.process.wait()

        with contextlib.suppress(AssertionError):
            wait_until(lambda: len(notes(b)) == 60, what="what host a had in the log", limit_s=5.0)
        a.start()  # What only its outbox had comes now.
        wait_until(lambda: len(notes(b)) == 60, what="all notes", limit_s=30.0)
        assert set(notes(b).values()) <= {"one", "two"}


def test_a_socket_on_one_host_sees_what_changes_on_the_other(
    tmp_path: Path, cluster: list[Nats]
) -> None:
    with (
        a_host(tmp_path / "a", cluster) as a,
        a_host(tmp_path / "b", cluster) as b,
        connect(f"ws://127.0.0.1:{b.port}/") as socket,
    ):
        assert join(socket)["event"] == {"type": "sync", "data": []}
        with a.client() as client:
            assert client.post("/set", {"id": "a", "count": 20}).status == 200

        told = [heard(socket)["event"] for _ in range(20)]

        assert [one["data"]["n"] for one in told] == list(range(20))
        assert [one["type"] for one in told] == ["create"] + ["update"] * 19
