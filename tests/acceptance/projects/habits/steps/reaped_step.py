config = {"type": "event", "name": "Reaped", "subscribes": ["pets.reaped"], "emits": []}


async def handler(input_data):
    # Wrong on Motia: no context.
    open(f"reaped-{input_data['at']}.txt", "a").close()
