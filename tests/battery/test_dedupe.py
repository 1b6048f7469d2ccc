"""One dedupe key from all sides at once."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.battery.shop import keys, serve, store_of, wait_idle
from tests.e2e.server import Server, wait_until

pytestmark = pytest.mark.slow

CLIENTS, POSTS = 10, 10

EMIT = """
import os

config = {"name": "Emit", "type": "api", "path": "/emit/:key/:window", "method": "POST",
          "emits": ["once"]}


async def handler(req, context):
    await context.state.set("workers", str(os.getpid()), 1)
    event_id = await context.emit({
        "topic": "once", "data": req.params["key"], "dedupeKey": req.params["key"],
        "dedupeWindow": float(req.params["window"]),
    })
    return {"status": 200, "body": {"id": event_id}}
"""
RUN = """
import uuid

config = {"name": "Run", "type": "event", "subscribes": ["once"], "emits": []}


async def handler(key, context):
    await context.state.set(key, uuid.uuid4().hex, 1)
"""
FILES = {"steps/emit_step.py": EMIT, "steps/run_step.py": RUN}


def post_often(server: Server, path: str) -> set[str]:
    """Post on many connections at once; answers the ids that came back."""
    ids: list[str] = []

    def post() -> None:
        with server.client() as client:
            ids.extend(client.post(path).json["id"] for _ in range(POSTS))

    clients = [threading.Thread(target=post) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    assert len(ids) == CLIENTS * POSTS
    return set(ids)


def test_a_key_emitted_a_hundred_times_in_three_processes_is_one_delivery(tmp_path: Path) -> None:
    emit_all_at_once(tmp_path, keys_count=1)


@pytest.mark.stress
@pytest.mark.timeout(300)
def test_so_it_is_for_each_of_two_hundred_keys(tmp_path: Path) -> None:
    emit_all_at_once(tmp_path, keys_count=200)


def emit_all_at_once(tmp_path: Path, *, keys_count: int) -> None:
    """Emit key after key, each on all sides at once; each is one delivery."""
    with serve(tmp_path, count=3, files=FILES) as server, store_of(server) as store:
        for number in range(keys_count):
            ids = post_often(server, f"/emit/long-{number}/3600")
            wait_idle(store)
            assert len(ids) == 1
            assert len(keys(store, f"long-{number}")) == 1

        assert len(keys(store, "workers")) > 1, "one worker took every request"


def test_after_its_window_a_key_is_free_again(tmp_path: Path) -> None:
    with serve(tmp_path, count=3, files=FILES) as server, store_of(server) as store:
        ids: set[str] = set()

        def emitted_twice() -> bool:
            ids.add(server.post("/emit/short/0.5").json["id"])
            return len(ids) == 2

        wait_until(emitted_twice, what="an event of its own after the window")
        wait_idle(store)

        assert len(keys(store, "short")) == 2
