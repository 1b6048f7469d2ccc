from middlewares.auth import catch_errors

config = {
    "type": "api",
    "name": "Caught",
    "path": "/caught",
    "method": "POST",
    "emits": [],
    "middleware": [catch_errors],
}


async def handler(req, context):
    raise ValueError("not today")
