"""GET /orders/:id: one order, from the state."""

config = {
    "name": "GetOrder",
    "type": "api",
    "path": "/orders/:id",
    "method": "GET",
    "emits": [],
    "flows": ["orders"],
}


async def handler(req, context):
    order = await context.state.get("orders", req.params["id"])
    if order is None:
        return {"status": 404, "body": {"error": f"no order {req.params['id']}"}}
    return {"status": 200, "body": order}
