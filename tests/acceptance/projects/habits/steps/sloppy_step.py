config = {
    "type": "api",
    "name": "Sloppy",
    "path": "/sloppy",
    "method": "POST",
    "emits": [],
    "query": {"page": "string"},
}


class Thing:
    def __init__(self):
        self.colour = "red"


async def handler(req, ctx):
    ctx.logger.warning("a warning", "a text")
    ctx.logger.info("a list", [1, 2])
    ctx.logger.info("a thing", Thing())
    ctx.logger.error("an error", ValueError("no"))
    ctx.logger.debug("nothing")
    ctx.logger.info({"no": "text"})
    stored = await ctx.state.set("only-a-key", {"value": 1})
    read = await ctx.state.get("only-a-key")
    nothing = await ctx.state.get("group", "nothing")
    await ctx.emit("sloppy.done", {"positional": True})
    return {
        "status": 200,
        "body": {
            "stored": stored,
            "read": read,
            "nothing": nothing,
            "trace": getattr(ctx, "traceId", None),
            "has body": hasattr(req, "body") and req.body,
            "list": isinstance(req.get("queryParams", {}).get("tag"), list),
        },
    }
