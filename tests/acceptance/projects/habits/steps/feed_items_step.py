config = {"type": "api", "name": "Items", "path": "/items", "method": "POST", "emits": []}


async def handler(req, context):
    item = await context.streams.feed.set("g", "a", {"id": "other", "text": "one"})
    await context.streams["feed"].send({"groupId": "g"}, {"type": "wave", "data": {}})
    return {"status": 200, "body": {"item": item, "all": await context.streams.feed.getGroup("g")}}
