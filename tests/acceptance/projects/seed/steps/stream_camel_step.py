from datetime import datetime

config = {"name": "Stream camel", "type": "api", "path": "/stream/camel", "method": "POST"}


async def handler(req, context):
    # Set/update real-time data for clients
    await context.streams.chatMessages.set(
        "room-123",
        "msg-456",
        {"text": "Hello!", "userId": "123", "timestamp": datetime.now().isoformat()},
    )

    # Get a specific item
    message = await context.streams.chatMessages.get("room-123", "msg-456")

    # Get all items in a group
    all_messages = await context.streams.chatMessages.get_group("room-123")

    # Delete an item
    await context.streams.chatMessages.delete("room-123", "msg-456")

    after = await context.streams.chatMessages.get("room-123", "msg-456")
    left = await context.streams.chatMessages.get_group("room-123")
    return {
        "status": 200,
        "body": {"message": message, "all": all_messages, "after": after, "left": left},
    }
