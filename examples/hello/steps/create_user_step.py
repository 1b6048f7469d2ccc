"""POST /users: emit and the three ways to log."""

config = {
    "name": "CreateUser",
    "type": "api",
    "path": "/users",
    "method": "POST",
    "bodySchema": {
        "type": "object",
        "properties": {"name": {"type": "string"}},
        "required": ["name"],
    },
    "emits": ["user.created"],
    "flows": ["my-flow"],
}


async def handler(req, context):
    context.logger.info("Processing started", {"userId": "123"})
    context.logger.warn("High usage detected", {"requests": 1000})
    name = req.body["name"]
    if name == "error":
        context.logger.error("Process failed", {"name": name})

    await context.emit(
        {"topic": "user.created", "data": {"userId": "123", "email": "user@example.com"}}
    )
    return {"status": 201, "body": {"userId": "123", "name": name}}
