"""The steps of a shop that is open for a day: see `day.py`."""

from __future__ import annotations

from tests.battery.shop import queue_step
from tests.e2e.test_live import STREAM

ORDER = """
config = {
    "name": "Order", "type": "api", "path": "/orders/:customer/:number", "method": "POST",
    "emits": ["order"],
}


async def handler(req, context):
    customer, number = req.params["customer"], int(req.params["number"])
    await context.streams.items.set("room", customer, {"n": number})
    await context.emit({
        "topic": "order",
        "data": {"customer": customer, "number": number},
        "messageGroupId": customer,
    })
    return {"status": 202, "body": {}}
"""

# On a full disk every run fails, however often: nothing of these may become a dead letter.
COUNT = """
config = {
    "name": "Count", "type": "event", "subscribes": ["order"], "emits": [],
    "infrastructure": {"queue": {"maxRetries": 10000, "backoff": {"type": "fixed", "delay": 0.1}}},
}


async def handler(event, context):
    await context.state.set("count", f"{event['customer']}.{event['number']}", 1)
"""
QUEUE = queue_step(
    '{"type": "fifo", "maxRetries": 10000, "backoff": {"type": "fixed", "delay": 0.05}}',
    every=25,
)
MIRROR = """
export const config = {
  name: 'Mirror', type: 'event', subscribes: ['order'], emits: [],
  infrastructure: { queue: { maxRetries: 10000, backoff: { type: 'fixed', delay: 0.1 } } },
}
export const handler = async (event, { state }) => {
  await state.set('mirror', `${event.customer}.${event.number}`, 1)
}
"""
POISON = """
config = {
    "name": "Poison", "type": "api", "path": "/poison", "method": "POST", "emits": ["poison"],
}


async def handler(req, context):
    await context.emit({"topic": "poison", "data": {}})
    return {"status": 202, "body": {}}
"""
FAIL = """
config = {
    "name": "Fail", "type": "event", "subscribes": ["poison"], "emits": [],
    "infrastructure": {"queue": {"maxRetries": 1, "backoff": {"type": "fixed", "delay": 0.05}}},
}


async def handler(event, context):
    raise RuntimeError("never")
"""
TICK = """
config = {
    "name": "Tick", "type": "cron", "cron": "* * * * * *", "emits": [],
    "infrastructure": {"cron": {"overlap": "allow"}},
}


async def handler(context):
    await context.state.set("fired", context.trace_id, 1)
"""
HOARD = """
config = {"name": "Hoard", "type": "api", "path": "/hoard/:n", "method": "POST", "emits": []}


async def handler(req, context):
    await context.state.set("hoard", req.params["n"], "x" * req.body["bytes"])
    return {"status": 200, "body": {}}
"""
FLOOD = """
config = {"name": "Flood", "type": "api", "path": "/flood", "method": "POST", "emits": []}


async def handler(req, context):
    event = {"type": "blob", "data": "x" * req.body["bytes"]}
    await context.streams.items.send({"groupId": "room"}, event)
    return {"status": 200, "body": {}}
"""
GREET = """
config = {{"name": "Greet", "type": "api", "path": "/greet", "method": "GET", "emits": []}}


async def handler(req, context):
    return {{"status": 200, "body": {{"hour": {hour}}}}}
"""
FILES = {
    "steps/items_stream.py": STREAM,
    "steps/order_step.py": ORDER,
    "steps/count_step.py": COUNT,
    "steps/queue_step.py": QUEUE,
    "steps/mirror.step.js": MIRROR,
    "steps/poison_step.py": POISON,
    "steps/fail_step.py": FAIL,
    "steps/tick_step.py": TICK,
    "steps/hoard_step.py": HOARD,
    "steps/flood_step.py": FLOOD,
    "steps/greet_step.py": GREET.format(hour=0),
}
FAILING = "steps/fail_step.py"
BOOKS = ("count", "queue", "mirror")
"""Groups of state that have each order once it was handled, one of each step."""
