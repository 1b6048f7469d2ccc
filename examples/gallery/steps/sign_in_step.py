"""Remember a name in a cookie."""

from motia_actors.http import cookie

config = {
    "name": "SignIn",
    "type": "api",
    "path": "/session",
    "method": "POST",
    "emits": [],
    "bodySchema": {
        "type": "object",
        "properties": {"name": {"type": "string", "minLength": 1, "maxLength": 40}},
        "required": ["name"],
    },
}


async def handler(req, context):
    name = req.body["name"]
    # secure=True behind HTTPS; and sign what must not be made up.
    remembered = cookie("name", name, max_age=86_400)
    return {"status": 200, "body": {"hello": name}, "headers": {"set-cookie": remembered}}
