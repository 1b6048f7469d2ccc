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
    if await context.streams.messages.get(room, message["id"]):
        return  # It came a second time: events are delivered at least once.

    # No other message of this room is in here, so counting is safe.
    about = await context.state.get("rooms", room) or {"room": room, "messages": 0}
    about["messages"] += 1
    await context.streams.messages.set(
        room,
        message["id"],
        {
            "number": about["messages"],
            "author": message["author"],
            "text": moderated(message["text"]),
        },
    )
    await context.state.set("rooms", room, about)
