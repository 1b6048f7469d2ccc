config = {"type": "event", "name": "Triplet", "subscribes": ["triplet"], "emits": []}


async def handler(data, context):
    await context.state.set("triplets", "2", 2)
