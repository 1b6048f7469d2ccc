config = {"type": "cron", "name": "Expression 8", "cron": "0 9 * * *", "emits": []}


async def handler(context):
    pass
