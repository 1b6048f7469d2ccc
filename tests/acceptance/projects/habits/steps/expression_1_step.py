config = {"type": "cron", "name": "Expression 1", "cron": "0 0 * * * *", "emits": []}


async def handler(context):
    pass
