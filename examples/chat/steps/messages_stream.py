"""What was said: one group a room."""

config = {
    "name": "messages",
    "schema": {
        "type": "object",
        "properties": {
            "number": {"type": "integer"},
            "author": {"type": "string"},
            "text": {"type": "string"},
        },
        "required": ["number", "author", "text"],
    },
    "baseConfig": {"storageType": "default"},
}
