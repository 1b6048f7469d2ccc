from utils.event_common import wait_for_result
from utils.timing import with_timing

config = {
    "type": "api",
    "name": "build",
    "path": "/build",
    "method": "POST",
    "emits": ["build.requested"],
}


@with_timing("build")
async def handler(req, context):
    await context.emit({"topic": "build.requested", "data": req.get("body") or {}})
    result = await wait_for_result(context, "build")
    if result is None:
        return {"status": 504, "body": {"error": "no result"}}
    return {"status": 200, "body": result}
