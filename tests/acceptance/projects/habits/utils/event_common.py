import asyncio


async def wait_for_result(context, key):
    for _ in range(200):
        result = await context.state.get(context.trace_id, key)
        if result is not None and (not isinstance(result, dict) or result.get("data", 1)):
            return result
        await asyncio.sleep(0.02)
    return None
