"""Tell how many pictures there are, each time that changes: Server-Sent Events."""

import asyncio

from motia_actors.http import events

LOOK_EVERY_S = 0.5

config = {"name": "WatchPictures", "type": "api", "path": "/watch", "method": "GET", "emits": []}


async def handler(req, context):
    async def counts():
        told = None
        while True:
            count = len(await context.state.get_group("pictures"))
            if count != told:
                told = count
                yield {"event": "count", "id": count, "data": {"pictures": count}}
            await asyncio.sleep(LOOK_EVERY_S)

    return events(counts())
