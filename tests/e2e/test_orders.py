"""The shop under two workers: nothing acknowledged is lost, and a tick is a tick."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.server import OWN, Server, wait_until, workers
from tests.e2e.shop import ORDER, Customer, copy_shop, place, wait_until_shipped

pytestmark = pytest.mark.slow

TICK_S = 2


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Server]:
    with Server(copy_shop(tmp_path), options=workers(OWN, 2)) as server:
        yield server


def settled_report(server: Server, *, ticks_min: int) -> Any:
    def report() -> Any:
        answer = server.get("/report")
        return answer.status == 200 and answer.json["ticks"] >= ticks_min and answer.json

    return wait_until(report, what=f"{ticks_min} ticks")


def ticks_due(report: Any) -> int:
    """How many ticks there are from the report's first one to its last one."""
    first, last = (datetime.fromisoformat(report[name]) for name in ("first_at", "last_at"))
    return round((last - first).total_seconds() / TICK_S) + 1


def test_an_order_is_paid_and_shipped_and_seen_in_state_and_stream(shop: Server) -> None:
    order_id = place(shop, 1)[0]

    wait_until_shipped(shop, [order_id])

    in_state = shop.get(f"/orders/{order_id}").json
    in_stream = shop.get("/orders").json[0]
    where = {"type": "state-stream", "streamName": "orders", "groupId": "all", "id": order_id}
    assert in_state == {"id": order_id, **ORDER, "total_cents": 2100, "status": "shipped"}
    assert in_stream == {**in_state, "__motia": where}
    shop.stop_cleanly()


def test_a_tick_fires_once_whatever_the_number_of_workers(shop: Server) -> None:
    report = settled_report(shop, ticks_min=4)

    assert report["ticks"] == ticks_due(report)
    shop.stop_cleanly()


def test_everything_acknowledged_outlives_kill_9(shop: Server) -> None:
    before = settled_report(shop, ticks_min=1)
    with Customer(shop) as customer, Customer(shop) as other:
        customer.wait_until_served(20)
        shop.kill()

    shop.start()

    wait_until_shipped(shop, customer.order_ids | other.order_ids)
    after = settled_report(shop, ticks_min=before["ticks"] + 2)
    assert after["first_at"] == before["first_at"]
    assert after["ticks"] <= ticks_due(after)
    shop.stop_cleanly()


def test_a_worker_that_dies_hands_its_work_to_the_others(shop: Server) -> None:
    order_ids = place(shop, 20)
    os.kill(shop.workers()[0], signal.SIGKILL)

    order_ids += place(shop, 20)
    wait_until_shipped(shop, order_ids)
    wait_until(lambda: shop.served_count() == 3, what="a new worker took its place")
    assert shop.stop() == 0
