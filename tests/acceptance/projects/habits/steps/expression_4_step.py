config = {"type": "cron", "name": "Expression 4", "cron": "30 5 * * TUE", "emits": []}


async def handler(context):
    pass
