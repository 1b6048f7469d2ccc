"""Steps are functions: the rules of the shop, tested without a server.

python -m pytest examples/orders/tests
"""

import asyncio
import importlib
from types import SimpleNamespace
from typing import Any

import pytest
from src.shop import PRICES_CENTS, new_order


class Group:
    """State or one stream, as far as these steps use it."""

    def __init__(self) -> None:
        self.values: dict[tuple[str, str], Any] = {}

    async def set(self, group: str, key: str, value: Any) -> Any:
        self.values[group, key] = dict(value)
        return value

    async def get(self, group: str, key: str) -> Any:
        return self.values.get((group, key))

    async def get_group(self, group: str) -> list[Any]:
        return [value for (name, _), value in self.values.items() if name == group]


class Shop:
    """A context that remembers what the steps did to it."""

    def __init__(self) -> None:
        self.state = Group()
        self.streams = SimpleNamespace(orders=Group())
        self.logger = SimpleNamespace(info=lambda *_: None)
        self.emitted: list[tuple[str, Any]] = []
        self.trace_id = "first"

    async def emit(self, event: dict[str, Any]) -> None:
        self.emitted.append((event["topic"], event["data"]))

    def run(self, step: str, *arguments: object) -> Any:
        return asyncio.run(importlib.import_module(f"steps.{step}_step").handler(*arguments, self))

    def order(self, order_id: str) -> Any:
        return self.state.values["orders", order_id]


@pytest.fixture
def shop() -> Shop:
    return Shop()


def place(shop: Shop, quantity: int) -> Any:
    request = SimpleNamespace(body={"item": "tea", "quantity": quantity})
    return shop.run("create_order", request)["body"]


def test_an_order_costs_its_price_times_its_quantity() -> None:
    assert new_order("1", "tea", 3)["total_cents"] == 3 * PRICES_CENTS["tea"]


def test_a_placed_order_is_kept_and_announced(shop: Shop) -> None:
    order = place(shop, 2)

    assert shop.order(order["id"])["status"] == "placed"
    assert shop.emitted == [("order.created", {"id": order["id"]})]


def test_an_order_goes_from_placed_to_paid_to_shipped(shop: Shop) -> None:
    order_id = place(shop, 1)["id"]

    shop.run("charge_payment", {"id": order_id})
    paid = shop.order(order_id)["status"]
    shop.run("ship_order", {"id": order_id})

    assert (paid, shop.order(order_id)["status"]) == ("paid", "shipped")


def test_an_order_over_the_credit_is_declined_and_never_shipped(shop: Shop) -> None:
    order_id = place(shop, 1_000)["id"]

    shop.run("charge_payment", {"id": order_id})
    shop.run("ship_order", {"id": order_id})

    assert shop.order(order_id)["status"] == "declined"
    assert [topic for topic, _ in shop.emitted] == ["order.created"]


def test_an_event_that_comes_twice_changes_nothing_the_second_time(shop: Shop) -> None:
    order_id = place(shop, 1)["id"]
    shop.run("charge_payment", {"id": order_id})
    shop.run("ship_order", {"id": order_id})

    shop.run("charge_payment", {"id": order_id})
    shop.run("ship_order", {"id": order_id})

    assert shop.order(order_id)["status"] == "shipped"


def test_people_watch_what_steps_read(shop: Shop) -> None:
    order_id = place(shop, 1)["id"]

    shop.run("charge_payment", {"id": order_id})

    assert shop.streams.orders.values["all", order_id] == shop.order(order_id)


def test_the_report_counts_ticks_and_orders(shop: Shop) -> None:
    place(shop, 1)
    for shop.trace_id in ("first", "second", "second"):
        shop.run("sales_report")

    report = shop.state.values["reports", "sales"]

    assert (report["ticks"], report["orders"]) == (2, {"placed": 1})


def test_a_run_that_was_killed_between_its_writes_is_mended_by_the_next(shop: Shop) -> None:
    order_id = place(shop, 1)["id"]
    undone = dict(shop.order(order_id))
    shop.run("charge_payment", {"id": order_id})
    shop.state.values["orders", order_id] = undone

    shop.run("charge_payment", {"id": order_id})

    assert shop.order(order_id)["status"] == "paid"
    assert shop.streams.orders.values["all", order_id] == shop.order(order_id)
