import time


async def timing_middleware(req, context, next_fn):
    start = time.time()
    response = await next_fn()
    context.logger.info("timing", {"took": time.time() - start})
    return response
