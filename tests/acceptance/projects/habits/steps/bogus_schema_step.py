config = {
    "type": "api",
    "name": "test-state",
    "path": "/bogus",
    "method": "POST",
    "emits": ["bogus"],
    "bodySchema": {"key": {"type": "string"}, "value": {"type": "number"}},
}


async def handler(req, context):
    await context.emit({"topic": "bogus", "data": req["body"]})
    return {"status": 200, "body": req["body"]}
