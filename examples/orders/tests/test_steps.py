"""Steps are functions: the rules of the shop, each step by itself.

python -m pytest examples/orders/tests
"""

import importlib
from typing import Any

import pytest
from motia_actors.testing import FakeContext, request
from src.shop import PRICES_CENTS, new_order


@pytest.fixture
def shop() -> FakeContext:
    return FakeContext(streams=["orders"], flows=["orders"])


def run(shop: FakeContext, step: str, value: Any = None) -> Any:
    return shop.run(importlib.import_module(f"steps.{step}_step").handler, value)


def place(shop: FakeContext, quantity: int) -> Any:
    return run(shop, "create_order", request(body={"item": "tea", "quantity": quantity}))["body"]


def status(shop: FakeContext, order_id: str) -> Any:
    return shop.state.get("orders", order_id)["status"]


def test_an_order_costs_its_price_times_its_quantity() -> None:
    assert new_order("1", "tea", 3)["total_cents"] == 3 * PRICES_CENTS["tea"]


def test_a_placed_order_is_kept_and_announced(shop: FakeContext) -> None:
    order = place(shop, 2)

    assert status(shop, order["id"]) == "placed"
    assert shop.emitted("order.created") == [{"id": order["id"]}]


def test_an_order_over_the_credit_is_declined_and_never_shipped(shop: FakeContext) -> None:
    order_id = place(shop, 1_000)["id"]

    run(shop, "charge_payment", {"id": order_id})
    run(shop, "ship_order", {"id": order_id})

    assert status(shop, order_id) == "declined"
    assert [event.topic for event in shop.events] == ["order.created"]


def test_an_event_that_comes_twice_changes_nothing_the_second_time(shop: FakeContext) -> None:
    order_id = place(shop, 1)["id"]
    run(shop, "charge_payment", {"id": order_id})
    run(shop, "ship_order", {"id": order_id})

    run(shop, "charge_payment", {"id": order_id})
    run(shop, "ship_order", {"id": order_id})

    assert status(shop, order_id) == "shipped"


def test_people_watch_what_steps_read(shop: FakeContext) -> None:
    order_id = place(shop, 1)["id"]

    run(shop, "charge_payment", {"id": order_id})

    seen = shop.streams.orders.get("all", order_id)
    assert seen.pop("__motia")["id"] == order_id
    assert seen == shop.state.get("orders", order_id)


def test_a_run_that_was_killed_between_its_writes_is_mended_by_the_next(shop: FakeContext) -> None:
    order_id = place(shop, 1)["id"]
    undone = shop.state.get("orders", order_id)
    run(shop, "charge_payment", {"id": order_id})
    shop.state.set("orders", order_id, undone)

    run(shop, "charge_payment", {"id": order_id})

    assert status(shop, order_id) == "paid"
    assert shop.streams.orders.get("all", order_id)["status"] == "paid"
