config = {
    "type": "cron",
    "name": "Deletion Reaper",
    "cron": "* * * * * *",
    "emits": ["pets.reaped"],
    "flows": ["pets"],
}


async def handler(ctx):
    await ctx.emit({"topic": "pets.reaped", "data": {"at": "now"}})
