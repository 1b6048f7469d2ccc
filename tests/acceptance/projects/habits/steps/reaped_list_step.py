import glob

config = {"type": "api", "name": "Reaped list", "path": "/reaped", "method": "GET", "emits": []}


async def handler(req, context):
    return {"status": 200, "body": sorted(glob.glob("reaped-*.txt"))}
