from datetime import datetime

config = {"name": "Stream snake", "type": "api", "path": "/stream/snake", "method": "POST"}


async def handler(req, context):
    # Set/update real-time data for clients
    await context.streams.chat_messages.set(
        "room-123",
        "msg-456",
        {"text": "Hello!", "userId": "123", "timestamp": datetime.now().isoformat()},
    )

    # Get a specific item
    message = await context.streams.chat_messages.get("room-123", "msg-456")

    # Get all items in a group
    all_messages = await context.streams.chat_messages.get_group("room-123")

    # Delete an item
    await context.streams.chat_messages.delete("room-123", "msg-456")

    after = await context.streams.chat_messages.get("room-123", "msg-456")
    left = await context.streams.chat_messages.get_group("room-123")
    return {
        "status": 200,
        "body": {"message": message, "all": all_messages, "after": after, "left": left},
    }
