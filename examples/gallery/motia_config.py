"""What is around every endpoint: who is it, and may they change something?"""


async def known(req, context, next_fn):
    """Put the name from the cookie into the request; without one there is only reading."""
    req["user"] = req.cookies.get("name")
    if req["user"] is None and req.method == "POST" and req.path != "/session":
        return {"status": 401, "body": {"error": "Say who you are: POST /session"}}
    return await next_fn()


config = {"middleware": [known]}
