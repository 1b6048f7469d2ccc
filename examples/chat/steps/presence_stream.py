"""Who is there: one group a room, one item a person."""

config = {
    "name": "presence",
    "schema": {
        "type": "object",
        "properties": {"author": {"type": "string"}, "seen_at": {"type": "string"}},
        "required": ["author", "seen_at"],
    },
    "baseConfig": {"storageType": "default"},
}
