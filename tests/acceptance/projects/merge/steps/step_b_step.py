import time

config = {
    "type": "event",
    "name": "stepB",
    "subscribes": ["pms.start"],
    "emits": ["pms.stepB.done"],
    "flows": ["parallel-merge"],
}


async def handler(_, context):
    partial = {"msg": "Hello from Step B", "timestamp": int(time.time() * 1000)}
    await context.state.set(context.trace_id, "stepB", partial)
    await context.emit({"topic": "pms.stepB.done", "data": partial})
