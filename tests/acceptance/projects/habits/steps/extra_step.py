config = {"type": "api", "name": "Extra", "path": "/extra", "method": "GET", "emits": []}


async def handler(req, context, extra=None, *args, **kwargs):
    return {"status": 200, "body": {"extra": extra, "args": list(args), "kwargs": kwargs}}
