config = {"type": "api", "name": "None", "path": "/none", "method": "HEAD", "emits": []}


async def handler():
    return {"status": 204}
