config = {"name": "State", "type": "api", "path": "/state", "method": "POST"}


async def handler(req, context):
    # Store data
    await context.state.set(context.trace_id, "user-preferences", {"theme": "dark", "lang": "en"})

    # Retrieve data
    preferences = await context.state.get(context.trace_id, "user-preferences")

    # Get all data in a group
    all_user_data = await context.state.get_group(context.trace_id)

    # Clear all data for this workflow
    await context.state.clear(context.trace_id)

    after = await context.state.get(context.trace_id, "user-preferences")
    left = await context.state.get_group(context.trace_id)
    return {
        "status": 200,
        "body": {"preferences": preferences, "all": all_user_data, "after": after, "left": left},
    }
