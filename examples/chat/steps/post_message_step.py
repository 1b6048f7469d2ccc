"""POST /rooms/:room/messages: hand the message to the room's moderator, in the room's order."""

import uuid

from src.rooms import now

config = {
    "name": "PostMessage",
    "type": "api",
    "path": "/rooms/:room/messages",
    "method": "POST",
    "bodySchema": {
        "type": "object",
        "properties": {
            "author": {"type": "string", "minLength": 1, "maxLength": 40},
            "text": {"type": "string", "minLength": 1, "maxLength": 2_000},
        },
        "required": ["author", "text"],
    },
    "emits": ["chat.posted"],
    "flows": ["chat"],
}


async def handler(req, context):
    room = req.params["room"]
    message = {
        "id": uuid.uuid4().hex,
        "room": room,
        "author": req.body["author"],
        "text": req.body["text"],
    }
    # One group a room: its messages are handled one after the other, in this order, while
    # other rooms go on beside it.
    await context.emit({"topic": "chat.posted", "data": message, "messageGroupId": room})
    await context.streams.presence.set(
        room, message["author"], {"author": message["author"], "seen_at": now().isoformat()}
    )
    return {"status": 202, "body": {"id": message["id"]}}
