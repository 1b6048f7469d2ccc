config = {
    "type": "event",
    "name": "test-state-check",
    "subscribes": ["bogus"],
    "emits": [],
    "input": {"key": {"type": "string"}, "value": {"type": "number"}},
}


async def handler(data, context):
    await context.state.set("seen", "bogus", data)
