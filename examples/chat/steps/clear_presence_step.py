"""Every two seconds: take those who went quiet off the list of people."""

from src.rooms import is_away

config = {
    "name": "ClearPresence",
    "type": "cron",
    "cron": "*/2 * * * * *",
    "emits": [],
    "flows": ["chat"],
}


async def handler(context):
    for about in await context.state.get_group("rooms"):
        room = about["room"]
        for person in await context.streams.presence.get_group(room):
            if is_away(person["seen_at"]):
                await context.streams.presence.delete(room, person["author"])
                context.logger.info("left", {"room": room, "author": person["author"]})
