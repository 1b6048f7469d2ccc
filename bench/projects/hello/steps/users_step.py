"""POST /users: a body that is checked against a schema."""

from typing import Any

config = {
    "name": "Users",
    "type": "api",
    "path": "/users",
    "method": "POST",
    "bodySchema": {
        "type": "object",
        "properties": {
            "name": {"type": "string", "minLength": 1},
            "age": {"type": "integer", "minimum": 0},
        },
        "required": ["name", "age"],
        "additionalProperties": False,
    },
}


def handler(req: Any, _context: Any) -> dict[str, Any]:
    """Answer the name."""
    return {"status": 200, "body": {"name": req.body["name"]}}
