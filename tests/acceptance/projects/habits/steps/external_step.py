config = {
    "type": "noop",
    "name": "External webhook",
    "description": "Comes from outside",
    "virtualSubscribes": ["x"],
    "virtualEmits": ["y"],
    "flows": ["a", "b"],
}


async def handler(req, context):
    raise RuntimeError("never called")
