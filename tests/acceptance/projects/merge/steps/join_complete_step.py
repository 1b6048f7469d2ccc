config = {
    "type": "event",
    "name": "JoinComplete",
    "subscribes": ["pms.join.complete"],
    "emits": [],
    "flows": ["parallel-merge"],
}


async def handler(data, context):
    # Motia's test counts the events; here each run of this step is one.
    seen = {"traceId": context.trace_id, "flows": context.flows, "data": data}
    await context.state.set("complete", context.delivery.id, seen)
