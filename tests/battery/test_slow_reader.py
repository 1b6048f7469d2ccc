"""A subscriber that never reads, while 200 MB are pushed to it and to one that does."""

from __future__ import annotations

import contextlib
import json
import socket
import statistics
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.sync.client import ClientConnection, connect

from tests.battery.crew import note
from tests.e2e.server import OWN, Server, wait_until, workers, write_project
from tests.e2e.test_live import STREAM

pytestmark = pytest.mark.slow

PUSHES, PUSH_BYTES = 400, 500_000
GROWTH_MB_MAX = 50
PUSH = """
import os

config = {"name": "Push", "type": "api", "path": "/push", "method": "POST", "emits": []}


async def handler(req, context):
    event = {"type": "blob", "data": os.urandom(req.body["bytes"] // 2).hex()}
    await context.streams.items.send({"groupId": "room"}, event)
    return {"status": 200, "body": {}}
"""
FILES = {"steps/items_stream.py": STREAM, "steps/push_step.py": PUSH}
JOIN = {"streamName": "items", "groupId": "room", "subscriptionId": "s"}


def rss_mb(pid: int) -> float:
    """Memory that is the process' own; the map of the store is a file's."""
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    [line] = [line for line in status if line.startswith("RssAnon:")]
    return int(line.split()[1]) / 1024


class Reader(threading.Thread):
    """Reads all that comes, and how long it took."""

    def __init__(self, client: ClientConnection) -> None:
        super().__init__()
        self.count = 0
        self._client = client

    def run(self) -> None:
        while self.count < PUSHES:
            self._client.recv(timeout=30)
            self.count += 1


def test_who_does_not_read_is_closed_with_1013_and_costs_nobody_anything(tmp_path: Path) -> None:
    project = write_project(tmp_path / "live", FILES)
    env = {"MOTIA_SOCKET_QUEUE_MAX": "4M"}
    with (
        Server(project, options=workers(OWN, 1), env=env) as server,
        contextlib.ExitStack() as stack,
    ):
        [worker] = server.workers()
        address = f"ws://127.0.0.1:{server.port}/"
        good = stack.enter_context(connect(address, compression=None, max_size=None))
        good.send(json.dumps({"type": "join", "data": JOIN}))
        good.recv(timeout=10)
        deaf = stack.enter_context(deaf_client(server.port))
        wait_until(lambda: b"sync" in deaf.recv(65536, socket.MSG_PEEK), what="it joined")
        reader = Reader(good)
        reader.start()
        before_mb, peak_mb, took_s = rss_mb(worker), 0.0, []

        for _ in range(PUSHES):
            began_s = time.monotonic()
            assert server.post("/push", {"bytes": PUSH_BYTES}).status == 200
            took_s.append(time.monotonic() - began_s)
            peak_mb = max(peak_mb, rss_mb(worker))
        reader.join(30)
        last = closing_of(deaf)

        note(
            f"rss before={before_mb:.0f} peak={peak_mb:.0f} MB "
            f"push p50={statistics.median(took_s) * 1000:.1f} max={max(took_s) * 1000:.0f} ms"
        )
        assert reader.count == PUSHES, "who reads gets everything"
        assert peak_mb - before_mb < GROWTH_MB_MAX
        assert (1013).to_bytes(2, "big") in last
        server.stop_cleanly()


@contextlib.contextmanager
def deaf_client(port: int) -> Iterator[socket.socket]:
    """A client that joins and then reads no more."""
    with socket.create_connection(("127.0.0.1", port), 30) as client:
        client.sendall(
            b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        payload = json.dumps({"type": "join", "data": JOIN}).encode()
        client.sendall(bytes([0x81, 0x80 | len(payload)]) + bytes(4) + payload)
        yield client


def closing_of(client: socket.socket) -> bytes:
    """Read all that is there up to its end; answers the last of it."""
    last = b""
    with contextlib.suppress(ConnectionResetError):
        while data := client.recv(1 << 20):
            last = (last + data)[-200:]
    return last
