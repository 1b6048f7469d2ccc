config = {
    "type": "api",
    "name": "Envelope",
    "path": "/sessions/:id",
    "method": "GET",
    "emits": [],
}


async def handler(req, context):
    session = await context.state.get("sessions", req["pathParams"]["id"])
    if not session or "data" not in session or not session["data"]:
        return {"status": 404, "body": {"error": "Session not found"}}
    return {"status": 200, "body": session["data"]}
