"""GET /rooms/:room/messages: the room's messages, oldest first."""

config = {
    "name": "ListMessages",
    "type": "api",
    "path": "/rooms/:room/messages",
    "method": "GET",
    "emits": [],
    "flows": ["chat"],
}


async def handler(req, context):
    messages = await context.streams.messages.get_group(req.params["room"])
    shown = ("number", "author", "text")
    return {"status": 200, "body": [{key: item[key] for key in shown} for item in messages]}
