"""What several tests do with examples/orders: place orders and see them shipped."""

from __future__ import annotations

from collections.abc import Collection
from http.client import HTTPException
from pathlib import Path

from tests.e2e.beside import Beside
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


class Customer(Beside):
    """Places orders, one after the other, until left; what was not acknowledged does not count."""

    def __init__(self, server: Server) -> None:
        super().__init__()
        self.server, self.order_ids = server, set[str]()

    def run(self) -> None:
        """Shop."""
        while not self.is_done:
            try:
                answer = self.server.post("/orders", ORDER)
            except (OSError, HTTPException):
                continue
            if answer.status == 201:
                self.order_ids.add(answer.json["id"])

    def wait_until_served(self, count: int) -> None:
        """Wait until count more orders were acknowledged."""
        enough = len(self.order_ids) + count
        wait_until(lambda: len(self.order_ids) >= enough, what=f"{count} more orders")
