"""POST /users: emit and the three ways to log."""

config = {
    "name": "CreateUser",
    "type": "api",
    "path": "/users",
    "method": "POST",
    "emits": ["user.created"],
    "flows": ["my-flow"],
}


async def handler(req, context):
    context.logger.info("Processing started", {"userId": "123"})
    context.logger.warn("High usage detected", {"requests": 1000})
    try:
        name = req.body["name"]
    except KeyError as error:
        context.logger.error("Process failed", {"error": str(error)})
        return {"status": 400, "body": {"error": "a user needs a name"}}

    await context.emit(
        {"topic": "user.created", "data": {"userId": "123", "email": "user@example.com"}}
    )
    return {"status": 201, "body": {"userId": "123", "name": name}}
