config = {"type": "cron", "name": "Expression 2", "cron": "*/5 * * * * *", "emits": []}


async def handler(context):
    pass
