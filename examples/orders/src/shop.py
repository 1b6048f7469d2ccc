"""What an order is, and the two places where it is kept."""

from typing import Any, Literal, TypedDict

Status = Literal["placed", "paid", "declined", "shipped"]

PRICES_CENTS = {"tea": 450, "coffee": 700, "cocoa": 1_200}
CREDIT_CENTS_MAX = 100_000


class Order(TypedDict):
    id: str
    item: str
    quantity: int
    total_cents: int
    status: Status


def new_order(order_id: str, item: str, quantity: int) -> Order:
    """Price an order. `item` is one of PRICES_CENTS, as the endpoint's schema checks."""
    return {
        "id": order_id,
        "item": item,
        "quantity": quantity,
        "total_cents": PRICES_CENTS[item] * quantity,
        "status": "placed",
    }


async def save(context: Any, order: Order) -> None:
    """Keep the order in the stream, where people watch, and in the state, where steps read it.

    The state comes last: a run that is killed in between leaves it as it was, so that the next
    run of the same event finds the work undone and does both again.
    """
    await context.streams.orders.set("all", order["id"], order)
    await context.state.set("orders", order["id"], order)
