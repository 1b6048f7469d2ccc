config = {
    "name": "SendMessage",
    "type": "api",  # ← How it triggers
    "path": "/messages",  # ← path
    "method": "POST",  # ← method
    "emits": ["message.sent"],
    "flows": ["messaging"],
    "bodySchema": {
        "type": "object",
        "properties": {"text": {"type": "string", "minLength": 1}},
        "required": ["text"],
    },
}


async def handler(req, context):
    await context.emit(
        {"topic": "message.sent", "data": {"text": req.body["text"], "trace": context.traceId}}
    )
    return {"status": 200, "body": {"trace": context.traceId, "same": context.trace_id}}
