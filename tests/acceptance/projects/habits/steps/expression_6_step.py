config = {"type": "cron", "name": "Expression 6", "cron": "*/60 * * * *", "emits": []}


async def handler(context):
    pass
