"""On message.sent: keep the message where other steps find it."""

config = {
    "name": "ProcessMessage",
    "type": "event",
    "subscribes": ["message.sent"],
    "emits": ["message.processed"],
    "flows": ["messaging"],
}


async def handler(input, context):
    message = {**input, "words": len(input["text"].split())}
    await context.state.set("messages", input["id"], message)
    await context.emit({"topic": "message.processed", "data": message})
