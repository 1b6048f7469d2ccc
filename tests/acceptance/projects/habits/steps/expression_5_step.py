config = {"type": "cron", "name": "Expression 5", "cron": "50 16 * * 1-5", "emits": []}


async def handler(context):
    pass
