config = {
    "type": "event",
    "name": "QuietDone",
    "subscribes": ["quiet.done"],
    "emits": [],
    "input": None,
}


async def handler(data, context):
    await context.state.set("seen", "quiet", data)
