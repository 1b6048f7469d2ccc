config = {
    "type": "event",
    "name": "Flaky",
    "subscribes": ["flaky"],
    "emits": [],
    "infrastructure": {"queue": {"type": "fifo", "maxRetries": 5, "backoff": {"delay": 0.1}}},
}


async def handler(data, context):
    runs = await context.state.get("flaky", "runs") or []
    await context.state.set("flaky", "runs", [*runs, context.trace_id])
    if not runs:
        raise RuntimeError("the first run fails")
