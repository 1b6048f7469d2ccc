"""On chat.posted: apply the house rules, number the message and show it to the room."""

from src.rooms import moderated

config = {
    "name": "ModerateMessage",
    "type": "event",
    "subscribes": ["chat.posted"],
    "input": {
        "type": "object",
        "properties": {
            "id": {"type": "string"},
            "room": {"type": "string"},
            "author": {"type": "string"},
            "text": {"type": "string"},
        },
        "required": ["id", "room", "author", "text"],
    },
    "emits": [],
    "flows": ["chat"],
    "infrastructure": {"queue": {"type": "fifo", "maxRetries": 3}},
}


async def handler(message, context):
    room = message["room"]
    about = await context.state.get("rooms", room) or {"room": room, "messages": 0, "last": None}
    # No other message of this room is in here, so counting is safe. If this very message was
    # counted last, its first run was killed after that: count no more, show it again.
    if about["last"] != message["id"]:
        about = {"room": room, "messages": about["messages"] + 1, "last": message["id"]}
        await context.state.set("rooms", room, about)

    await context.streams.messages.set(
        room,
        message["id"],
        {
            "number": about["messages"],
            "author": message["author"],
            "text": moderated(message["text"]),
        },
    )
