"""On payment.charged: send the parcel."""

from src.shop import save

config = {
    "name": "ShipOrder",
    "type": "event",
    "subscribes": ["payment.charged"],
    "input": {
        "type": "object",
        "properties": {"id": {"type": "string"}},
        "required": ["id"],
    },
    "emits": [],
    "flows": ["orders"],
}


async def handler(event, context):
    order = await context.state.get("orders", event["id"])
    if order["status"] != "paid":
        return
    order["status"] = "shipped"
    await save(context, order)
    context.logger.info("order shipped", {"orderId": order["id"]})
