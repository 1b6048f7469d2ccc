config = {
    "name": "CreateUser",
    "type": "api",
    "path": "/users",
    "method": "POST",
    "emits": ["user.created"],
}


async def handler(req, context):
    await context.emit(
        {"topic": "user.created", "data": {"userId": "123", "email": "user@example.com"}}
    )
    return {"status": 201, "body": {"traceId": context.trace_id}}
