"""One more listener on message.sent: both it and ProcessMessage get every message."""

config = {
    "name": "EventStep",
    "type": "event",
    "subscribes": ["message.sent"],
    "emits": [],
    "flows": ["messaging"],
}


async def handler(input, context):
    context.logger.info("Processing started", {"messageId": input["id"]})
    if len(input["text"]) > 280:
        context.logger.warn("Long message", {"length": len(input["text"])})
