"""POST /rooms/:room/typing: tell those who watch the room. Nothing is stored."""

config = {
    "name": "Typing",
    "type": "api",
    "path": "/rooms/:room/typing",
    "method": "POST",
    "bodySchema": {
        "type": "object",
        "properties": {"author": {"type": "string"}},
        "required": ["author"],
    },
    "emits": [],
    "flows": ["chat"],
}


async def handler(req, context):
    await context.streams.messages.send(
        {"groupId": req.params["room"]},
        {"type": "typing", "data": {"author": req.body["author"]}},
    )
    return {"status": 204, "body": None}
