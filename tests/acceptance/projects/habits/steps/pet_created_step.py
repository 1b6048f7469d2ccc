config = {
    "type": "event",
    "name": "PetCreated",
    "subscribes": ["py.pet.created", "ts.pet.created"],
    "emits": [],
}


async def handler(input_data, _ctx=None):
    await _ctx.state.set("seen", "pet", input_data)
