"""GET /hello: a plain function, asked while sockets are busy."""

from typing import Any

config = {"name": "Hello", "type": "api", "path": "/hello", "method": "GET"}


def handler(_req: Any, _context: Any) -> dict[str, Any]:
    """Answer a greeting."""
    return {"status": 200, "body": {"message": "hello"}}
