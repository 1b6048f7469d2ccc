"""Keep a file that was sent: small ones come as bytes, large ones as a path."""

import shutil
import uuid
from pathlib import Path

FOLDER = Path(".motia/pictures")

config = {
    "name": "AddPicture",
    "type": "api",
    "path": "/pictures",
    "method": "POST",
    "emits": [],
    "bodySchema": {
        "type": "object",
        "properties": {
            "title": {"type": "string"},
            "picture": {"type": "string", "format": "binary"},
        },
        "required": ["title", "picture"],
    },
    "infrastructure": {"rateLimit": {"limit": 30, "period": 60, "by": "ip"}},
}


def handler(req, context):
    picture, picture_id = req.body["picture"], uuid.uuid4().hex
    if not isinstance(picture, dict):
        return {"status": 400, "body": {"error": "Send one file as picture"}}
    FOLDER.mkdir(parents=True, exist_ok=True)
    kept = FOLDER / picture_id
    if picture["path"] is None:
        kept.write_bytes(picture["data"])
    else:
        shutil.move(picture["path"], kept)
    about = {
        "id": picture_id,
        "title": req.body["title"],
        "by": req["user"],
        "size": picture["size"],
        "type": picture["contentType"],
    }
    context.state.set("pictures", picture_id, about)
    return {"status": 201, "body": about}
