"""Every two seconds: count the orders. Once for each tick, however many workers there are."""

from collections import Counter
from datetime import UTC, datetime

config = {
    "name": "SalesReport",
    "type": "cron",
    "cron": "*/2 * * * * *",  # six fields: the first one is seconds
    "emits": [],
    "flows": ["reports"],
}


async def handler(context):
    now = datetime.now(UTC).isoformat()
    last = await context.state.get("reports", "sales") or {"ticks": 0, "first_at": now}
    if last.get("run") == context.trace_id:
        return  # This tick was counted, and the process killed before it could say so.

    orders = await context.state.get_group("orders")
    report = {
        "ticks": last["ticks"] + 1,
        "first_at": last["first_at"],
        "last_at": now,
        "orders": dict(Counter(order["status"] for order in orders)),
        "run": context.trace_id,
    }
    await context.state.set("reports", "sales", report)
