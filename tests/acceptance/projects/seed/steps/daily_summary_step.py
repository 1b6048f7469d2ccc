config = {
    "name": "DailySummary",
    "type": "cron",  # ← Time-based
    "cron": "0 9 * * *",  # ← Schedule
    "emits": ["summary.generated"],
    "flows": ["messaging"],
}


async def handler(ctx):
    await ctx.emit({"topic": "summary.generated", "data": {}})
