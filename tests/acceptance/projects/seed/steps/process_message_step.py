config = {
    "name": "ProcessMessage",
    "type": "event",  # ← Event-driven
    "subscribes": ["message.sent"],  # ← Listen to events
    "emits": ["message.processed"],
    "flows": ["messaging"],
    "input": {
        "type": "object",
        "properties": {"text": {"type": "string"}, "trace": {"type": "string"}},
        "required": ["text", "trace"],
    },
}


async def handler(input, context):
    seen = {"step": "ProcessMessage", "input": input, "trace": context.trace_id}
    await context.state.set("seen", f"process {input['text']}", seen)
    await context.emit({"topic": "message.processed", "data": input})
