config = {
    "type": "api",
    "name": "CliTool",
    "path": "/quiet",
    "method": "POST",
    "emits": ["quiet.done"],
}


async def handler(req, context):
    await context.emit({"topic": "quiet.done", "data": {"still": "runs"}})
