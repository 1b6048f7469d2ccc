"""GET /: the page of a room."""

from src.page import read_file

config = {
    "name": "ShowPage",
    "type": "api",
    "path": "/",
    "method": "GET",
    "emits": [],
    "flows": ["chat"],
}


async def handler(req, context):
    return read_file("index.html", "text/html; charset=utf-8")
