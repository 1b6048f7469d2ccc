"""POST /orders: check the body, keep it in state, emit it."""

import time
from typing import Any

from bench.apps_lmdb import SCHEMA

config = {
    "name": "Order",
    "type": "api",
    "path": "/orders",
    "method": "POST",
    "bodySchema": SCHEMA,
    "emits": ["bench.ordered"],
}


async def handler(req: Any, context: Any) -> dict[str, Any]:
    """Answer the order's id once state and event are on disk."""
    at_s = time.monotonic()
    await context.state.set("orders", context.trace_id, req.body)
    await context.emit({"topic": "bench.ordered", "data": {"at_s": at_s}})
    return {"status": 200, "body": {"id": context.trace_id}}
