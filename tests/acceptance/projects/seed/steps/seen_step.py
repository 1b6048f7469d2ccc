config = {"name": "Seen", "type": "api", "path": "/seen/:group", "method": "GET"}


async def handler(req, context):
    return {"status": 200, "body": await context.state.get_group(req.params["group"])}
