"""What an api step is compared with: the same answer from WSGI alone and from falcon alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

import falcon

GREETING = {"message": "hello"}


def bare(_environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer a greeting, whatever is asked."""
    body = json.dumps(GREETING).encode()
    headers = [("content-type", "application/json"), ("content-length", str(len(body)))]
    start_response("200 OK", headers)
    return [body]


class _Hello:
    def on_get(self, _request: falcon.Request, response: falcon.Response) -> None:
        response.media = GREETING


class _Users:
    def on_post(self, request: falcon.Request, response: falcon.Response) -> None:
        response.media = {"name": request.get_media()["name"]}


def _falcon() -> falcon.App[falcon.Request, falcon.Response]:
    app = falcon.App()
    app.add_route("/hello", _Hello())
    app.add_route("/users", _Users())
    return app


with_falcon = _falcon()
