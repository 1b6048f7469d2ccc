"""A project with a life of its own, to look at: orders that are placed, paid, declined, lost."""

from __future__ import annotations

from typing import Any

from tests.e2e.server import Server, wait_until

LOST = {"topic": "order.created", "data": {"order": "no id"}}


def queues_of(server: Server) -> dict[str, Any]:
    return {queue["name"]: queue for queue in server.get("/__motia/queues").json["queues"]}


def live_a_little(server: Server, *, orders: int = 12) -> list[str]:
    """Place orders, and emit one event that no retry can mend; answers the orders' ids."""
    ids = []
    for number in range(orders):
        # Every fifth is beyond its customer's credit.
        quantity = 900 if number % 5 == 4 else number + 1
        body = {"item": ("tea", "coffee", "cocoa")[number % 3], "quantity": quantity}
        ids.append(server.post("/orders", body).json["id"])
    server.get("/orders/none")
    server.post("/orders", {"item": "tea"})
    assert server.post("/emit", LOST).status == 200
    wait_until(lambda: queues_of(server)["ChargePayment"]["dead"], what="a dead letter")
    wait_until(
        lambda: (
            not any(
                queue["waiting"] + queue["leased"]
                for name, queue in queues_of(server).items()
                if name != "SalesReport"
            )
        ),
        what="the orders are done",
    )
    return ids
