"""What several tests do with examples/orders: place orders and see them shipped."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from tests.e2e.server import EXAMPLES, Server, copy_project, wait_until

ORDER = {"item": "coffee", "quantity": 3}


def copy_shop(tmp_path: Path) -> Path:
    """Copy the example, without orders."""
    return copy_project(EXAMPLES / "orders", tmp_path / "orders")


def place(server: Server, count: int) -> list[str]:
    """Post orders on one connection; answers their ids, all of them acknowledged."""
    with server.client() as client:
        answers = [client.post("/orders", ORDER) for _ in range(count)]
    assert {answer.status for answer in answers} == {201}, answers
    return [answer.json["id"] for answer in answers]


def shipped(server: Server) -> set[str]:
    """Ask for the ids of all orders that were shipped."""
    return {order["id"] for order in server.get("/orders?status=shipped").json}


def wait_until_shipped(server: Server, order_ids: Collection[str]) -> None:
    """Wait until these orders, at least, were shipped."""
    wait_until(lambda: shipped(server) >= set(order_ids), what="every order was shipped")
