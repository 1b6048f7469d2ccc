config = {"type": "api", "name": "App script", "path": "/app.js", "method": "GET", "emits": []}


async def handler(req, context):
    return {
        "status": 200,
        "body": "let a = 1",
        "headers": {"Content-Type": "application/javascript"},
    }
