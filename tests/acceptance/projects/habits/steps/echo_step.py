config = {
    "type": "api",
    "name": "Echo",
    "path": "/echo/:id([0-9a-fA-F-]+)",
    "method": "GET",
    "emits": [],
    "queryParams": [{"name": "tag", "description": "Any number of them"}],
}


async def handler(req, context):
    return {
        "status": 200,
        "body": {
            "keys": sorted(dict(req)),
            "body": req["body"],
            "raw": req["rawBody"],
            "id": req["pathParams"]["id"],
            "query": req["queryParams"],
            "agent": req["headers"].get("x-agent"),
        },
    }
