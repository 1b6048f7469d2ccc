config = {"name": "UserCreated", "type": "event", "subscribes": ["user.created"]}


async def handler(input, context):
    await context.state.set("users", context.trace_id, input)
