"""POST /orders: check, keep and announce an order, then answer. The work comes after."""

import uuid

from src.shop import PRICES_CENTS, new_order, save

config = {
    "name": "CreateOrder",
    "type": "api",
    "description": "Takes an order and answers before it is paid and shipped",
    "path": "/orders",
    "method": "POST",
    "bodySchema": {
        "type": "object",
        "properties": {
            "item": {"type": "string", "enum": list(PRICES_CENTS)},
            "quantity": {"type": "integer", "minimum": 1, "maximum": 1_000},
        },
        "required": ["item", "quantity"],
        "additionalProperties": False,
    },
    "emits": ["order.created"],
    "flows": ["orders"],
}


async def handler(req, context):
    order = new_order(uuid.uuid4().hex, req.body["item"], req.body["quantity"])
    await save(context, order)
    await context.emit({"topic": "order.created", "data": {"id": order["id"]}})
    context.logger.info("order placed", {"orderId": order["id"]})
    return {
        "status": 201,
        "headers": {"Location": f"/orders/{order['id']}"},
        "body": order,
    }
