"""On order.created: take the money. Up to 8 orders at once, 5 more tries if the bank is down."""

from src.shop import CREDIT_CENTS_MAX, save

config = {
    "name": "ChargePayment",
    "type": "event",
    "subscribes": ["order.created"],
    "input": {
        "type": "object",
        "properties": {"id": {"type": "string"}},
        "required": ["id"],
    },
    "emits": ["payment.charged"],
    "flows": ["orders"],
    "infrastructure": {
        "handler": {"timeout": 30},
        "queue": {"maxRetries": 5, "visibilityTimeout": 60},
        "concurrency": 8,
        "mailbox": {"size": 256},
    },
}


async def handler(event, context):
    order = await context.state.get("orders", event["id"])
    if order["status"] == "placed":
        accepted = order["total_cents"] <= CREDIT_CENTS_MAX
        order["status"] = "paid" if accepted else "declined"
        await save(context, order)
    # An event comes at least once, so it may come twice, and the first run may have ended
    # right here: an order that is paid already is announced (again), and charged no more.
    if order["status"] == "paid":
        await context.emit({"topic": "payment.charged", "data": {"id": order["id"]}})
