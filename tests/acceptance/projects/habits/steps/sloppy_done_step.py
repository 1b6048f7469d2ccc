config = {
    "type": "event",
    "name": "SloppyDone",
    "subscribes": ["sloppy.done"],
    "inputSchema": {"type": "object"},
}


async def handler(data, context):
    await context.state.set("seen", "sloppy", data)
