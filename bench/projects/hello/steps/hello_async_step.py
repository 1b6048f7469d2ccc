"""GET /hello-async: a coroutine function."""

from typing import Any

config = {"name": "HelloAsync", "type": "api", "path": "/hello-async", "method": "GET"}


async def handler(_req: Any, _context: Any) -> dict[str, Any]:
    """Answer a greeting."""
    return {"status": 200, "body": {"message": "hello"}}
