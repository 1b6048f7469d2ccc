config = {
    "name": "MyStep",  # Step identifier
    "type": "api",  # How it triggers
    "path": "/endpoint",  # URL path
    "method": "POST",  # POST method
    "emits": ["done"],  # Events it sends
    "flows": ["my-flow"],  # Flow it belongs to
}


async def handler(req, context):
    # write your business logic here
    return {"status": 200, "body": {"success": True, "result": {}}}
