config = {"type": "cron", "name": "Expression 7", "cron": "0 */1 * * *", "emits": []}


async def handler(context):
    pass
