"""POST /produce-async: emit events one after the other, each awaited until it is on disk."""

import time
from typing import Any

config = {
    "name": "ProduceAsync",
    "type": "api",
    "path": "/produce-async",
    "method": "POST",
    "emits": ["bench.emitted.async"],
}


async def handler(req: Any, context: Any) -> dict[str, Any]:
    """Emit for so many seconds; answer when the first was emitted and how long each took."""
    first_s = begin_s = time.monotonic()
    taken_s = []
    while begin_s - first_s < req.body["seconds"]:
        await context.emit(
            {"topic": "bench.emitted.async", "data": {"at_s": begin_s, "text": "x" * 64}}
        )
        end_s = time.monotonic()
        taken_s.append(end_s - begin_s)
        begin_s = end_s
    return {"status": 200, "body": {"first_s": first_s, "taken_s": taken_s}}
