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


class _StepHeaders:
    """Falcon's middleware that adds what an answer of a step has, without any of the work."""

    _HEADERS = (
        ("access-control-allow-origin", "*"),
        ("access-control-allow-methods", "*"),
        ("access-control-allow-headers", "*"),
        ("access-control-max-age", "600"),
        ("etag", 'W/"13-HC2++35is3whVfJkjd0DuXgS5Ao"'),
        ("traceparent", "00-ed0e03579dd3ae2f2fc53d6b932e3b8e-716a733629e5a815-00"),
        ("motia-trace-id", "42B6G-2538035"),
    )

    def process_response(
        self, _request: falcon.Request, response: falcon.Response, *_: object
    ) -> None:
        response.set_headers(self._HEADERS)


def _falcon() -> falcon.App[falcon.Request, falcon.Response]:
    app = falcon.App()
    app.add_route("/hello", _Hello())
    app.add_route("/users", _Users())
    return app


with_falcon = _falcon()
with_step_headers = _falcon()
with_step_headers.add_middleware(_StepHeaders())
