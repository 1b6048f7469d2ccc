"""GET /messages: what ProcessMessage and Archive have kept."""

config = {
    "name": "ListMessages",
    "type": "api",
    "path": "/messages",
    "method": "GET",
    "emits": [],
    "flows": ["messaging"],
}


async def handler(req, context):
    return {
        "status": 200,
        "body": {
            "messages": await context.state.get_group("messages"),
            "archive": await context.state.get_group("archive"),
        },
    }
