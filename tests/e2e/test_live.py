"""Live streams over real sockets: every kind of worker, several of them, and their end."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.e2e.server import OWN, Server, workers, write_project

pytestmark = pytest.mark.slow

STREAM = """
config = {"name": "items", "schema": {"type": "object"}, "baseConfig": {"storageType": "default"}}
"""
SECRET = """
config = {
    "name": "secret",
    "schema": {"type": "object"},
    "baseConfig": {"storageType": "default"},
    "canAccess": lambda subscription, auth: subscription["groupId"] == "open",
}
"""
STEP = """
config = {"name": "Set", "type": "api", "path": "/set", "method": "POST", "emits": []}


async def handler(req, context):
    for number in range(req.body["count"]):
        await context.streams.items.set("room", req.body["id"], {"n": number})
    return {"status": 200, "body": {}}
"""
PUT = """
config = {"name": "Put", "type": "api", "path": "/put", "method": "POST", "emits": []}


async def handler(req, context):
    await context.streams.items.set("room", "text", {"text": req.body["text"]})
    return {"status": 200, "body": {}}
"""
FILES = {
    "steps/put_step.py": PUT,
    "steps/items_stream.py": STREAM,
    "steps/secret_stream.py": SECRET,
    "steps/s_step.py": STEP,
}


def join(socket: ClientConnection, stream: str = "items", group: str = "room") -> Any:
    data = {"streamName": stream, "groupId": group, "subscriptionId": "s"}
    socket.send(json.dumps({"type": "join", "data": data}))
    return heard(socket)


def heard(socket: ClientConnection) -> Any:
    return json.loads(socket.recv(timeout=10))


@pytest.mark.parametrize("kind", ["sync", "gthread", "gevent", OWN])
def test_subscribers_of_all_workers_hear_the_same_in_one_order_until_the_end(
    kind: str, tmp_path: Path
) -> None:
    project = write_project(tmp_path / "live", FILES)
    with Server(project, options=workers(kind, 2)) as server, contextlib.ExitStack() as stack:
        address = f"ws://127.0.0.1:{server.port}/any/path"
        sockets = [stack.enter_context(connect(address)) for _ in range(6)]
        synced = [join(socket)["event"] for socket in sockets]

        server.post("/set", {"id": "a", "count": 20})

        told = [[heard(socket) for _ in range(20)] for socket in sockets]
        assert synced == [{"type": "sync", "data": []}] * 6
        assert [one["event"]["data"]["n"] for one in told[0]] == list(range(20))
        assert [one["event"]["type"] for one in told[0]] == ["create"] + ["update"] * 19
        assert all(one == told[0] for one in told)
        stamps = [one["timestamp"] for one in told[0]]
        assert stamps == sorted(set(stamps))
        server.stop_cleanly()
        for socket in sockets:
            with pytest.raises(ConnectionClosed) as closed:
                socket.recv(timeout=10)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1001


def test_a_malformed_message_and_a_refused_join_get_an_error_and_hurt_nobody(
    tmp_path: Path,
) -> None:
    project = write_project(tmp_path / "live", FILES)
    with (
        Server(project, options=workers("gthread", 1)) as server,
        connect(f"ws://127.0.0.1:{server.port}/") as socket,
    ):
        socket.send("this is not json")
        assert heard(socket)["event"]["event"]["type"] == "error"
        refused = join(socket, "secret", "closed")["event"]["event"]
        assert refused["data"] == {"code": "STREAM_ACCESS_DENIED", "message": "Access denied"}
        assert join(socket, "secret", "open")["event"] == {"type": "sync", "data": []}
        assert join(socket, "nothing")["event"]["event"]["type"] == "error"
        socket.close()
        server.stop_cleanly()
