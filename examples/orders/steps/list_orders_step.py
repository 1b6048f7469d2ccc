"""GET /orders: all orders, from the stream: just what a browser that watches it has on screen."""

config = {
    "name": "ListOrders",
    "type": "api",
    "path": "/orders",
    "method": "GET",
    "queryParams": [{"name": "status", "description": "only orders with this status"}],
    "emits": [],
    "flows": ["orders"],
}


async def handler(req, context):
    orders = await context.streams.orders.get_group("all")
    wanted = req.query.get("status")
    return {
        "status": 200,
        "body": [order for order in orders if wanted in (None, order["status"])],
    }
