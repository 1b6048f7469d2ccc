import asyncio
import time

config = {
    "type": "event",
    "name": "stepA",
    "subscribes": ["pms.start"],
    "emits": ["pms.stepA.done"],
    "flows": ["parallel-merge"],
}


async def handler(_, context):
    await asyncio.sleep(0.3)
    partial = {"msg": "Hello from Step A", "timestamp": int(time.time() * 1000)}
    await context.state.set(context.trace_id, "stepA", partial)
    await context.emit({"topic": "pms.stepA.done", "data": partial})
