"""What clients of live streams cost a worker: no threads, and no place in gunicorn's books."""

from __future__ import annotations

import contextlib
import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.e2e.browser import chromium
from tests.e2e.server import OWN, Server, wait_until, workers, write_project
from tests.e2e.test_live import FILES, join
from tests.e2e.test_live_workers import KINDS, Events

pytestmark = pytest.mark.slow

CLIENTS = 60
BOOKS = """
def post_request(worker, request, environ, response):
    worker.log.info("holds %d", worker.nr_conns)
"""
PAGE = """
const told = []
const events = new EventSource('/__motia/streams/items/room')
events.onmessage = ({ data }) => told.push(JSON.parse(data).event)
window.told = told
window.source = events
"""
SHOW = """
config = {"name": "Show", "type": "api", "path": "/page", "method": "GET", "emits": []}


async def handler(_req, _context):
    return {"status": 200, "headers": {"content-type": "text/html"}, "body": "<p>here</p>"}
"""


def thread_count(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


@pytest.mark.parametrize("kind", KINDS)
def test_clients_cost_no_threads(kind: str, tmp_path: Path) -> None:
    project = write_project(tmp_path / "live", FILES)
    with (
        Server(project, options=workers(kind, 1)) as server,
        contextlib.ExitStack() as stack,
    ):
        address = f"ws://127.0.0.1:{server.port}/"
        join(stack.enter_context(connect(address)))
        server.post("/set", {"id": "a", "count": 1})
        [pid] = server.workers()
        before = thread_count(pid)

        for _ in range(CLIENTS):
            join(stack.enter_context(connect(address)))
            sock = socket.create_connection(("127.0.0.1", server.port), 10.0)
            stack.enter_context(sock)
            assert Events(sock, "/__motia/streams/items/room").status == 200

        # The pool of eight may grow to its size, for requests that came at once.
        assert thread_count(pid) - before <= 8
        assert server.get("/healthz").status == 200


def held(server: Server) -> list[int]:
    return [int(count) for count in re.findall(r"holds (-?\d+)", server.log())]


@pytest.mark.parametrize("is_closed_first", [True, False])
def test_gthread_counts_no_connection_that_was_handed_over(
    tmp_path: Path, is_closed_first: bool
) -> None:
    project = write_project(tmp_path / "live", {**FILES, "gunicorn.conf.py": BOOKS})
    with (
        Server(project, options=workers("gthread", 1)) as server,
        contextlib.ExitStack() as stack,
    ):
        for _ in range(10):
            client = stack.enter_context(connect(f"ws://127.0.0.1:{server.port}/"))
            join(client)
            if is_closed_first:
                client.close()

        def asked() -> bool:
            assert server.get("/healthz").status == 200
            return held(server)[-1] == 1

        # The request that asks is the one that is held.
        wait_until(asked, what="only the request is held")
        assert min(held(server)) == 1
        server.stop_cleanly()
        assert "[ERROR]" not in server.log()


def test_one_client_more_than_the_limit_gets_a_503_until_one_leaves(tmp_path: Path) -> None:
    project = write_project(tmp_path / "live", FILES)
    env = {"MOTIA_CLIENTS_MAX": "2"}
    with (
        Server(project, options=workers(OWN, 1), env=env) as server,
        contextlib.ExitStack() as all_,
    ):
        address = f"ws://127.0.0.1:{server.port}/"
        first = all_.enter_context(connect(address))
        events = all_.enter_context(socket.create_connection(("127.0.0.1", server.port), 10.0))
        assert Events(events, "/__motia/streams/items/room").status == 200
        with pytest.raises(InvalidStatus) as refused:
            connect(address)
        first.close()

        def is_let_in() -> bool:
            with contextlib.suppress(InvalidStatus):
                all_.enter_context(connect(address))
                return True
            return False

        assert refused.value.response.status_code == 503
        assert refused.value.response.headers["Retry-After"] == "1"
        wait_until(is_let_in, what="the place is free")


@pytest.fixture
def shown(tmp_path: Path) -> Iterator[Server]:
    project = write_project(tmp_path / "live", {**FILES, "steps/show_step.py": SHOW})
    with Server(project, options=workers(OWN, 1)) as server:
        yield server


@pytest.mark.timeout(120)
def test_a_browsers_event_source_goes_on_where_it_was_after_a_restart(shown: Server) -> None:
    with chromium() as browser:
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{shown.port}/page")
        page.evaluate(PAGE)
        page.wait_for_function("told.length === 1")
        shown.post("/set", {"id": "a", "count": 2})
        page.wait_for_function("told.length === 3")

        shown.stop_cleanly()
        shown.start()
        shown.post("/set", {"id": "a", "count": 1})
        page.wait_for_function("told.length >= 4", timeout=30_000)

        kinds = json.loads(page.evaluate("JSON.stringify(told.map((event) => event.type))"))
        assert kinds == ["sync", "create", "update", "update"]
        assert page.evaluate("source.readyState") == 1
