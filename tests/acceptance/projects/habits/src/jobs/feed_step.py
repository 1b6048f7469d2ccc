from steps.notify_step import notify

config = {
    "type": "api",
    "name": "Feed",
    "path": "/feed",
    "method": "POST",
    "emits": [{"topic": "feeding.reminder.enqueued", "label": "remind", "conditional": True}],
    "virtualEmits": ["email.sent", {"topic": "sms.sent", "label": "SMS"}],
    "virtualSubscribes": ["clock"],
    "includeFiles": ["../services/*.json"],
}


async def handler(req, context):
    await context.emit(
        {"topic": "feeding.reminder.enqueued", "data": notify(req.get("body") or {})}
    )
    return {"status": 200, "body": {"ok": True}}
