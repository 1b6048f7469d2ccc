from datetime import datetime, timezone

config = {
    "type": "event",
    "name": "join-step",
    "subscribes": ["pms.stepA.done", "pms.stepB.done", "pms.stepC.done"],
    "emits": ["pms.join.complete"],
    "flows": ["parallel-merge"],
    "input": None,
}


async def handler(_, context):
    parts = {}
    for name in ("stepA", "stepB", "stepC"):
        parts[name] = await context.state.get(context.trace_id, name)
    if not all(parts.values()):
        return
    now = datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    await context.emit({"topic": "pms.join.complete", "data": {"mergedAt": now, **parts}})
    await context.state.clear(context.trace_id)
