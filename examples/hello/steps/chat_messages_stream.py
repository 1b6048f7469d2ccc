"""A stream: items by group and id, pushed to whoever watches the group."""

config = {
    "name": "chat_messages",
    "schema": {
        "type": "object",
        "properties": {
            "text": {"type": "string"},
            "userId": {"type": "string"},
            "timestamp": {"type": "string"},
        },
        "required": ["text", "userId", "timestamp"],
    },
    "baseConfig": {"storageType": "default"},
}
