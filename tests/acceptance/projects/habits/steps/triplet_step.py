config = {
    "type": "api",
    "name": "Triplet",
    "path": "/triplet",
    "method": "POST",
    "emits": [{"topic": "triplet"}],
}


async def handler(req, context):
    await context.emit({"topic": "triplet", "data": None})
    return {"status": 200, "body": []}
