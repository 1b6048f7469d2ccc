"""POST /messages: take a message, answer at once, let others do the work."""

config = {
    "name": "SendMessage",
    "type": "api",
    "path": "/messages",
    "method": "POST",
    "bodySchema": {"type": "object", "properties": {"text": {"type": "string"}}},
    "emits": ["message.sent"],
    "flows": ["messaging"],
}


async def handler(req, context):
    message = {"id": context.trace_id, "text": req.body.get("text", "")}
    await context.emit({"topic": "message.sent", "data": message})
    return {"status": 202, "body": message}
