config = {
    "type": "api",
    "name": "New session",
    "path": "/sessions/:id",
    "method": "POST",
    "emits": [],
}


async def handler(req, context):
    key = req["pathParams"]["id"]
    await context.state.set("sessions", key, req["body"])
    return {"status": 200, "body": await context.state.get("sessions", key)}
