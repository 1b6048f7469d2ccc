config = {"type": "cron", "name": "Expression 9", "cron": "*/15 * * * * *", "emits": []}


async def handler(context):
    pass
