"""GET /ready: it serves."""

from typing import Any

config = {"name": "Ready", "type": "api", "path": "/ready", "method": "GET"}


def handler(_req: Any, _context: Any) -> dict[str, Any]:
    """Answer that it does."""
    return {"status": 200, "body": {}}
