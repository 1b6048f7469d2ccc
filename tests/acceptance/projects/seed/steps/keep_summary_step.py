config = {"name": "KeepSummary", "type": "event", "subscribes": ["summary.generated"], "emits": []}


async def handler(input, context):
    same = input["trace"] == context.trace_id
    await context.state.set("summaries", context.trace_id, {"same": same})
