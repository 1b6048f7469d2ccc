"""Steps that the worker's poller runs itself, and what becomes of the others when one hangs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from motia_actors.actors.inline import SWIFT_CALLS_MIN
from tests.e2e.server import OWN, Server, wait_until, workers, write_project

pytestmark = pytest.mark.slow

STEP = """
import os
import threading
import time

config = {
    "name": "turning", "type": "api", "path": "/turning/:what", "method": "GET", "emits": [],
    "infrastructure": {"handler": {"timeout": 1}},
}


def handler(req, context):
    what = req["pathParams"]["what"]
    if what == "hang":
        threading.Event().wait()
    if what == "nap":
        time.sleep(0.05)
    return {"status": 200, "body": {"thread": threading.current_thread().name, "what": what}}
"""
WRITING = """
import threading

config = {"name": "writing", "type": "api", "path": "/write", "method": "POST", "emits": []}


def handler(req, context):
    context.state.set("n", req["body"]["key"], 1)
    return {"status": 200, "body": {"thread": threading.current_thread().name}}
"""
CALLS = SWIFT_CALLS_MIN + 20


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    files = {"steps/turning_step.py": STEP, "steps/writing_step.py": WRITING}
    with Server(write_project(tmp_path / "project", files), options=workers(OWN, 1)) as server:
        make_swift(server)
        yield server


def make_swift(server: Server) -> None:
    """Call until the poller runs it: on a busy machine a call may take longer than a swift one."""

    def look() -> bool:
        threads = [server.get("/turning/quick").json["thread"] for _ in range(CALLS)]
        return bool(threads[-1] == "poller")

    wait_until(look, what="the step is swift")


def test_a_swift_step_that_hangs_is_a_504_and_holds_up_nobody(server: Server) -> None:
    with ThreadPoolExecutor() as pool, server.client() as other:
        begun_s = time.monotonic()
        stuck = pool.submit(server.get, "/turning/hang")
        answers = 0
        while not stuck.done():
            assert other.post("/write", {"key": f"k{answers}"}).status == 200
            answers += 1
        took_s = time.monotonic() - begun_s

        assert stuck.result().status == 504
        # Had they waited for it, there would be one.
        assert answers > 10
        assert took_s < 5.0
        assert other.get("/turning/quick").json["thread"] != "poller"


def test_a_swift_step_that_naps_is_given_to_the_pool(server: Server) -> None:
    def nap() -> list[str]:
        make_swift(server)
        naps = [server.get("/turning/nap").json["thread"] for _ in range(3)]
        return naps if naps[0] == "poller" else []

    naps = wait_until(nap, what="it naps at the poller")

    # The first could not be known; from then on it is the pool's, until it was quick for long.
    assert "poller" not in naps[1:]
    make_swift(server)


def test_a_step_that_waits_for_its_writes_is_the_pools(server: Server) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = [{"key": str(number)} for number in range(2 * CALLS)]
        answers = list(pool.map(lambda key: server.post("/write", key), keys))
    assert {one.status for one in answers} == {200}
    assert "poller" not in {one.json["thread"] for one in answers}
