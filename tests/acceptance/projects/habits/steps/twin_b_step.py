config = {"type": "api", "name": "Twin", "path": "/twin", "method": "GET", "emits": []}


async def handler(req, context):
    return {"status": 200, "body": {"twin": "b"}}
