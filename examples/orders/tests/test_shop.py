"""The whole shop in memory: what an order sets off, and what the clock does."""

from motia_actors.testing import Harness


def test_an_order_goes_from_placed_to_paid_to_shipped(motia: Harness) -> None:
    charged = motia.watch("payment.charged")

    placed = motia.request("POST", "/orders", json={"item": "tea", "quantity": 2})
    motia.settle()

    order_id = placed.json["id"]
    assert placed.status == 201
    assert charged.data == [{"id": order_id}]
    assert motia.state.get("orders", order_id)["status"] == "shipped"
    assert [change for change, _ in motia.stream("orders").changes()] == [
        "create",
        "update",
        "update",
    ]


def test_an_order_that_breaks_its_schema_is_refused_and_kept_nowhere(motia: Harness) -> None:
    refused = motia.request("POST", "/orders", json={"item": "tea", "quantity": 0})

    assert refused.status == 400
    assert motia.state.group("orders") == {}


def test_the_report_counts_ticks_and_orders(motia: Harness) -> None:
    motia.request("POST", "/orders", json={"item": "tea", "quantity": 1})

    motia.advance(20)

    report = motia.state.get("reports", "sales")
    assert report["ticks"] == 10
    assert report["orders"] == {"shipped": 1}
