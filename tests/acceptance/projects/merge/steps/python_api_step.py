async def enrich_data(req, context, next_fn):
    req["enriched"] = "yes"
    return await next_fn()


config = {
    "type": "api",
    "name": "Test Python",
    "path": "/test-python",
    "method": "POST",
    "emits": ["tested"],
    "flows": ["simple-python"],
    "middleware": [enrich_data],
}


async def handler(req, context):
    message = req.get("body").get("message")
    await context.state.set(context.trace_id, "message", message)
    stored = await context.state.get(context.trace_id, "message")
    await context.emit(
        {"topic": "tested", "data": {"message": stored, "enriched": req.get("enriched")}}
    )
    return {"status": 200, "body": {"message": "payload processed"}}
