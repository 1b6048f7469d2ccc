import asyncio

config = {
    "type": "api",
    "name": "Careless",
    "path": "/careless",
    "method": "POST",
    "emits": ["careless.done"],
}


async def later(context):
    await asyncio.sleep(0.1)
    await context.state.set("careless", "later", "later")


async def handler(req, context):
    context.emit({"topic": "careless.done", "data": {"how": "forgotten"}})
    context.state.set("careless", "set", "set")
    context.streams.feed.set("careless", "item", {"text": "forgotten"})
    asyncio.create_task(context.emit({"topic": "careless.done", "data": {"how": "task"}}))
    asyncio.create_task(later(context))
    await asyncio.gather(
        context.emit({"topic": "careless.done", "data": {"how": "gathered"}}),
        asyncio.wait_for(context.state.set("careless", "waited", "waited"), 5),
    )
    return {"status": 200, "body": {"ok": True}}
