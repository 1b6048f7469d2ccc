async def auth_required(req, context, next_fn):
    token = req["headers"].get("authorization")
    if not token:
        return {"status": 401, "body": {"error": "Unauthorized"}}
    req["user"] = {"id": token.split(" ")[-1]}
    return await next_fn()


class Client:
    """Stands for a database client: nothing that could be copied or written as JSON."""

    def __init__(self):
        self.query = lambda table: [table, "row"]


async def attach_supabase(req, context, next_fn):
    req["supabase"] = Client()
    req["order"].append("supabase")
    return await next_fn()


def create_timing_middleware(label):
    async def timing_middleware(req, context, next_fn):
        req.setdefault("order", []).append(label)
        response = await next_fn()
        response["headers"] = {**response.get("headers", {}), "X-Timed": label}
        return response

    return timing_middleware


async def catch_errors(req, context, next_fn):
    try:
        return await next_fn()
    except ValueError as error:
        return {"status": 422, "body": {"error": str(error)}}
