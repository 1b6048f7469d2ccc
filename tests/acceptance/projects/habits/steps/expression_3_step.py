config = {"type": "cron", "name": "Expression 3", "cron": "*/60 * * * * *", "emits": []}


async def handler(context):
    pass
