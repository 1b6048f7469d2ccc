config = {
    "name": "EverySecond",
    "type": "cron",
    "cron": "* * * * * *",
    "emits": ["summary.generated"],
    "flows": ["messaging"],
}


async def handler(ctx):
    await ctx.emit({"topic": "summary.generated", "data": {"trace": ctx.traceId}})
