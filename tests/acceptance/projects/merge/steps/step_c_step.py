import time

config = {
    "type": "event",
    "name": "stepC",
    "subscribes": ["pms.start"],
    "emits": ["pms.stepC.done"],
    "flows": ["parallel-merge"],
}


async def handler(_, context):
    partial = {"msg": "Hello from Step C", "timestamp": int(time.time() * 1000)}
    await context.state.set(context.trace_id, "stepC", partial)
    await context.emit({"topic": "pms.stepC.done", "data": partial})
