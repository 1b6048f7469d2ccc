"""Two hosts on three NATS servers: events, sockets, kills, a new version of a step."""

from __future__ import annotations

import contextlib
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from websockets.sync.client import connect

from motia_actors.cli import cli
from tests.e2e.server import OWN, Server, wait_until, write_project
from tests.e2e.test_live import FILES, heard, join
from tests.nats_servers import Server as Nats
from tests.nats_servers import address, one_server, three_servers

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


def a_host(
    folder: Path, cluster: list[Nats], *, version: str = "one", env: dict[str, str] | None = None
) -> Server:
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
        env={"MOTIA_STORE": where, **(env or {})},
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


def figures(server: Server) -> dict[str, float]:
    """What /metrics says of the cluster."""
    with server.client() as client:
        page = client.ask("GET", "/metrics", headers={"authorization": "Bearer secret"})
    assert page.status == 200
    found = re.findall(r"^(motia_store_\w+) (\S+)$", page.body.decode(), re.MULTILINE)
    return {name: float(value) for name, value in found}


def test_a_cluster_that_is_away_is_told_and_takes_no_host_out_of_service(tmp_path: Path) -> None:
    with (
        one_server(tmp_path / "nats") as nats,
        a_host(tmp_path / "a", [nats], env={"MOTIA_CONTROL_TOKEN": "secret"}) as a,
    ):
        assert a.get("/readyz").json == {"status": "ok"}
        both = {"motia_store_connected": 2.0, "motia_store_outbox_bytes_max": 2 * 64.0 * 2**20}
        wait_until(lambda: figures(a).items() >= both.items(), what="both workers")

        nats.kill()
        wait_until(lambda: a.get("/readyz").json["status"] == "degraded", what="that it is away")
        take(a, range(20))
        wait_until(lambda: figures(a)["motia_store_connected"] == 0, what="neither worker")

        ready = a.get("/readyz")
        assert ready.status == 200
        assert "the NATS cluster has been away for " in ready.json["reasons"][0]
        assert "127.0.0.1" not in ready.json["reasons"][0]
        wait_until(lambda: figures(a)["motia_store_outbox_bytes"] > 20 * 300, what="20 emits kept")
        shown = CliRunner().invoke(
            cli, ["top", "--once", "--url", f"http://127.0.0.1:{a.port}"],
            env={"MOTIA_CONTROL_TOKEN": "secret"},
        )  # fmt: skip
        assert "cluster away, outbox 0 % full" in shown.output

        nats.start().wait_ready()
        wait_until(lambda: len(notes(a)) == 20, what="all that the outbox had", limit_s=30.0)
        wait_until(lambda: figures(a)["motia_store_connected"] == 2, what="both workers again")
        wait_until(lambda: figures(a)["motia_store_outbox_bytes"] == 0, what="empty outboxes")
        wait_until(lambda: figures(a)["motia_store_log_behind"] == 0, what="the log's end")
        wait_until(lambda: a.get("/readyz").json == {"status": "ok"}, what="that it is back")
