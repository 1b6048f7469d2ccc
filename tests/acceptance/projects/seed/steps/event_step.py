config = {
    "name": "EventStep",
    "type": "event",
    "subscribes": ["message.sent"],  # ← Subscribe to events
    # input schema defines what data to expect
}


async def handler(input, ctx):
    seen = {"step": "EventStep", "input": input, "trace": ctx.traceId}
    await ctx.state.set("seen", f"event {input['text']}", seen)
