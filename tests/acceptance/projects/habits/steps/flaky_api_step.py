config = {"type": "api", "name": "flaky api", "path": "/flaky", "method": "POST", "emits": []}


async def handler(req, context):
    await context.emit({"topic": "flaky", "data": {}, "messageGroupId": "one"})
    return {"status": 200, "body": {"traceId": context.trace_id}}
