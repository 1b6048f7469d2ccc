import os
import sys

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from src.services.pets import STORE, load, save  # noqa: E402

config = {
    "type": "api",
    "name": "Clean",
    "path": "/pets",
    "method": "POST",
    "emits": ["ts.pet.created"],
    "responseSchema": {200: {"type": "object"}, "404": {"type": "object"}},
}


async def handler(req, ctx=None):
    body = req.get("body", {})
    pets = [*load(), body.get("name")]
    save(pets)
    if ctx:
        # Not among emits: dropped, with a line in the log.
        await ctx.emit({"topic": "py.pet.created", "data": {"name": body.get("name")}})
    return {"status": 201, "body": {"pets": pets, "store": os.path.relpath(STORE)}}
