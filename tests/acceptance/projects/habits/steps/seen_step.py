config = {"type": "api", "name": "Seen", "path": "/seen/:group/:key?", "method": "GET", "emits": []}


async def handler(req, context):
    group, key = req["pathParams"]["group"], req["pathParams"].get("key")
    body = await (context.state.get(group, key) if key else context.state.get_group(group))
    return {"status": 200, "body": body}
