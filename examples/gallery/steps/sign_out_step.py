"""Forget the name, and go home."""

from motia_actors.http import cookie, redirect

config = {"name": "SignOut", "type": "api", "path": "/sign-out", "method": "GET", "emits": []}


async def handler(req, context):
    return redirect("/", 303, cookies=[cookie("name", "", max_age=0)])
