"""Send a file back, piece by piece."""

from pathlib import Path

FOLDER = Path(".motia/pictures")
PIECE_BYTES = 65_536

config = {
    "name": "ShowPicture",
    "type": "api",
    "path": "/pictures/:id",
    "method": "GET",
    "emits": [],
}


async def handler(req, context):
    about = await context.state.get("pictures", req.params["id"])
    if about is None:
        return {"status": 404, "body": {"error": "No such picture"}}

    def pieces():
        with (FOLDER / about["id"]).open("rb") as file:
            while piece := file.read(PIECE_BYTES):
                yield piece

    # A page of somebody else's must be no page of ours: browsers are to show it as a picture or
    # to save it.
    is_picture = about["type"] in ("image/png", "image/jpeg", "image/gif", "image/webp")
    headers = {
        "content-type": about["type"] if is_picture else "application/octet-stream",
        "x-content-type-options": "nosniff",
    }
    return {"status": 200, "headers": headers, "body": pieces()}
