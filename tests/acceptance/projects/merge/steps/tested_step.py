config = {
    "type": "event",
    "name": "Tested",
    "subscribes": ["tested"],
    "emits": [],
    "input": None,
    "flows": ["simple-python"],
}


async def handler(data, context):
    seen = {"traceId": context.trace_id, "flows": context.flows, "data": data}
    await context.state.set("tested", context.delivery.id, seen)
