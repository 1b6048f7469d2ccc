"""The same answer from falcon's ASGI half."""

from __future__ import annotations

import falcon.asgi

from bench.apps import GREETING


class _Hello:
    async def on_get(self, _request: falcon.asgi.Request, response: falcon.asgi.Response) -> None:
        response.media = GREETING


def _falcon() -> falcon.asgi.App[falcon.asgi.Request, falcon.asgi.Response]:
    app = falcon.asgi.App()
    app.add_route("/hello", _Hello())
    return app


with_falcon = _falcon()
