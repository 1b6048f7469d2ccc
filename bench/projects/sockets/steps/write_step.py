"""POST /write: write items at a rate, each with the time of its write."""

import asyncio
import time
from typing import Any

config = {
    "name": "Write",
    "type": "api",
    "path": "/write",
    "method": "POST",
    "infrastructure": {"handler": {"timeout": 120}},
}


async def handler(req: Any, context: Any) -> dict[str, Any]:
    """Write count items of a group, per_s of them a second; answer when all are on disk."""
    group, count, per_s = req.body["group"], req.body["count"], req.body["per_s"]
    began_s = time.monotonic()
    for number in range(count):
        wait_s = began_s + number / per_s - time.monotonic()
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        # Not awaited: what is slow is the disk, and the rate is to hold all the same.
        context.streams.ticks.set(group, str(number % 50), {"at_s": time.monotonic()})
    return {"status": 200, "body": {"took_s": time.monotonic() - began_s}}
