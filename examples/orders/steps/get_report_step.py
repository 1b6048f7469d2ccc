"""GET /report: the newest sales report."""

config = {
    "name": "GetReport",
    "type": "api",
    "path": "/report",
    "method": "GET",
    "emits": [],
    "flows": ["reports"],
}


def handler(req, context):  # a plain function is a handler too, and needs no `await`
    report = context.state.get("reports", "sales")
    if report is None:
        return {"status": 404, "body": {"error": "no report yet, ask again in two seconds"}}
    return {"status": 200, "body": report}
