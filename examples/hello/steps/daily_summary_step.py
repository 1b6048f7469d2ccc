"""Every day at 9: count the messages so far."""

config = {
    "name": "DailySummary",
    "type": "cron",
    "cron": "0 9 * * *",
    "emits": ["summary.generated"],
    "flows": ["messaging"],
}


async def handler(context):
    messages = await context.state.get_group("messages")
    await context.emit({"topic": "summary.generated", "data": {"count": len(messages)}})
