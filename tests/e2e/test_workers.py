"""gunicorn's ways to run us: its kinds of worker, preload, reload and a graceful end."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.server import OWN, Server, wait_until, workers, write_project
from tests.e2e.shop import Customer, copy_shop, place, wait_until_shipped

pytestmark = pytest.mark.slow

SLOW_STEP = """
import asyncio

config = {"name": "Slow", "type": "api", "path": "/slow", "method": "GET", "emits": []}


async def handler(req, context):
    context.logger.info("slow one began")
    await asyncio.sleep(1.0)
    return {"status": 200, "body": {"slept": True}}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return copy_shop(tmp_path)


@pytest.mark.parametrize("kind", ["sync", "gthread", "gevent", OWN])
def test_the_shop_runs_on_each_kind_of_worker(kind: str, project: Path) -> None:
    with Server(project, options=workers(kind, 2)) as server:
        wait_until_shipped(server, place(server, 5))
        server.stop_cleanly()


def test_the_shop_runs_preloaded(project: Path) -> None:
    with Server(project, options=(*workers(OWN, 2), "--preload")) as server:
        wait_until_shipped(server, place(server, 5))
        server.stop_cleanly()


def test_start_serves_the_project_with_as_many_workers_as_asked_for(project: Path) -> None:
    with Server(project, via="start", options=("--workers", "2")) as server:
        wait_until_shipped(server, place(server, 5))
        server.stop_cleanly()


@pytest.fixture
def server(project: Path) -> Iterator[Server]:
    with Server(project, options=workers(OWN, 2)) as server:
        yield server


def test_hup_swaps_the_workers_and_loses_no_acknowledged_order(server: Server) -> None:
    with Customer(server) as customer:
        customer.wait_until_served(10)
        old = set(server.workers())

        server.signal(signal.SIGHUP)
        wait_until(lambda: server.served_count() == 4, what="two new workers serve")
        wait_until(
            lambda: not old & set(server.workers()), what="the old ones are gone", limit_s=40
        )
        customer.wait_until_served(10)

    wait_until_shipped(server, customer.order_ids)
    server.stop_cleanly()


@pytest.mark.parametrize("kind", ["sync", "gthread", "gevent", OWN])
def test_term_lets_requests_in_flight_finish(kind: str, tmp_path: Path) -> None:
    project = write_project(tmp_path / "slow", {"steps/slow_step.py": SLOW_STEP})
    statuses: list[int] = []
    with Server(project, options=workers(kind, 1)) as server:
        asking = threading.Thread(target=lambda: statuses.append(server.get("/slow").status))
        asking.start()
        wait_until(lambda: "slow one began" in server.log(), what="the handler runs")

        server.stop_cleanly()

        asking.join()
        assert statuses == [200]
