"""One step may listen to several topics; this one notes whatever was finished."""

config = {
    "name": "Archive",
    "type": "event",
    "subscribes": ["done", "message.processed", "summary.generated", "user.created"],
    "emits": [],
    "flows": ["messaging", "my-flow"],
}


async def handler(input, context):
    await context.state.set("archive", context.trace_id, input)
