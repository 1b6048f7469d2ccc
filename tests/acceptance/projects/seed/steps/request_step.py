config = {
    "name": "Request",
    "type": "api",
    "path": "/users/:id",
    "method": "PUT",
    "queryParams": ["page", "tag"],
    "emits": ["done"],
    "responseSchema": {200: {"type": "object"}},
    "virtualSubscribes": ["drawn"],
}


async def handler(req, ctx):
    return {
        "status": 200,
        "body": {
            "body": req.body,
            "query": req.query,
            "params": req.params,
            "agent": req.headers["x-agent"],
            "method": req.method,
            "path": req.path,
            "as a dict": [req["body"], req["query"], req["params"], req.get("method")],
            "has": sorted(
                name
                for name in ("emit", "logger", "state", "streams", "traceId")
                if hasattr(ctx, name)
            ),
        },
    }
