"""GET /rooms: every room and how much was said in it."""

config = {
    "name": "ListRooms",
    "type": "api",
    "path": "/rooms",
    "method": "GET",
    "emits": [],
    "flows": ["chat"],
}


async def handler(req, context):
    return {"status": 200, "body": await context.state.get_group("rooms")}
