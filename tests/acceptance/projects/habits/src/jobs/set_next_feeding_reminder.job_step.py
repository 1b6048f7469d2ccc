config = {
    "type": "event",
    "name": "Set Next Feeding Reminder",
    "subscribes": ["feeding.reminder.enqueued"],
    "emits": [],
    "infrastructure": {
        "handler": {"timeout": 30},
        "queue": {"maxRetries": 3, "retries": 2, "backoffRate": 2, "visibilityTimeout": 60},
    },
}


async def handler(data, context):
    from steps.hooks.hook_personas import NAMES

    await context.state.set("seen", "feeding", {"data": data, "names": NAMES})
