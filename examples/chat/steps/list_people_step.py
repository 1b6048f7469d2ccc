"""GET /rooms/:room/people: who spoke there lately."""

config = {
    "name": "ListPeople",
    "type": "api",
    "path": "/rooms/:room/people",
    "method": "GET",
    "emits": [],
    "flows": ["chat"],
}


async def handler(req, context):
    people = await context.streams.presence.get_group(req.params["room"])
    return {"status": 200, "body": sorted(person["author"] for person in people)}
