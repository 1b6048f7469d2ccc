"""GET /page/chat.js: the page's code, bundled with the browser client of the streams."""

from src.page import read_file

config = {
    "name": "SendScript",
    "type": "api",
    "path": "/page/chat.js",
    "method": "GET",
    "emits": [],
    "flows": ["chat"],
}


async def handler(req, context):
    return read_file("built/chat.js", "text/javascript; charset=utf-8")
