import a_module_that_nobody_has

config = {"type": "api", "name": "Broken", "path": "/broken", "method": "GET", "emits": []}


async def handler(req, context):
    return {"status": 200, "body": a_module_that_nobody_has.x}
