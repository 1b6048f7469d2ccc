from middlewares.timing import timing_middleware

config = {
    "type": "api",
    "name": "Parallel Merge",
    "description": "Parallel Merge",
    "path": "/api/parallel-merge",
    "method": "POST",
    "emits": ["pms.start"],
    "flows": ["parallel-merge"],
    "virtualSubscribes": ["pms.initialize"],
    "middleware": [timing_middleware],
}


async def handler(req, context):
    await context.emit({"topic": "pms.start", "data": {"message": req["body"]["message"]}})
    return {
        "status": 200,
        "body": {"traceId": context.trace_id, "message": "Started parallel merge"},
    }
