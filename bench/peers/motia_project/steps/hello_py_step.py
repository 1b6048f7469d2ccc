config = {
    "name": "HelloPy",
    "type": "api",
    "path": "/hello-py",
    "method": "GET",
    "emits": [],
    "flows": [],
}


async def handler(req, context):
    return {"status": 200, "body": {"message": "hello"}}
