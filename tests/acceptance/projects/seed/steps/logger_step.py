config = {"name": "Logs", "type": "api", "path": "/log", "method": "POST", "flows": ["my-flow"]}


async def handler(req, context):
    error = ValueError("no such thing")
    context.logger.info("Processing started", {"userId": "123"})
    context.logger.error("Process failed", {"error": str(error)})
    context.logger.warn("High usage detected", {"requests": 1000})
    return {"status": 200, "body": {"trace": context.trace_id}}
