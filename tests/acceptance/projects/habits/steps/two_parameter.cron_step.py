config = {
    "type": "cron",
    "name": "Two parameters",
    "cron": "* * * * * *",
    "emits": ["pets.reaped"],
}


async def handler(_, context):
    await context.emit({"topic": "pets.reaped", "data": {"at": "two"}})
