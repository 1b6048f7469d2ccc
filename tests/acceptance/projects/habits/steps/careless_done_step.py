config = {"type": "event", "name": "CarelessDone", "subscribes": ["careless.done"], "emits": []}


async def handler(data, context):
    await context.state.set("careless-done", data["how"], data["how"])
    return {"status": 200, "body": "nobody reads this"}
