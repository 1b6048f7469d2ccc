from dataclasses import dataclass


@dataclass
class Pet:
    name: str


FORMS = {
    "html": {"status": 200, "body": "<p>hi</p>", "headers": {"Content-Type": "text/html"}},
    "csv": {"status": 200, "body": "a,b", "headers": {"Content-Type": "text/csv"}},
    "text": {"status": 200, "body": "just text"},
    "list": {"status": 200, "body": [{"pet": 1}]},
    "number": {"status": 200, "body": 7},
    "null": {"status": 200, "body": None},
    "absent": {"status": 202},
    "buffer": {"status": 200, "body": {"type": "Buffer", "data": [0, 1, 255]}},
    "bytes": {"status": 200, "body": b"\x00\x01", "headers": {"Content-Type": "image/png"}},
    "dataclass": {"status": 200, "body": Pet("Rex")},
    "cookies": {"status": 302, "body": "", "headers": {"Location": "/", "Set-Cookie": ["a=1"]}},
    "empty": {},
    "false": False,
    "no status": {"body": {"x": 1}},
    "not a dict": ["x"],
    "unwritable": {
        "status": 200,
        "body": {"x": object},
    },
}

config = {"type": "api", "name": "Forms", "path": "/forms/:name", "method": "GET", "emits": []}


async def handler(req, context):
    return FORMS[req["pathParams"]["name"]]
