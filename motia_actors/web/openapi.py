"""`/openapi.json`, and `/openapi`: a page for people, without a line from elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.resources import files
from typing import Any

import falcon

from motia_actors.web.answers import Endpoint, Response
from motia_actors.web.routes import Route

# The page's own script and style stand in it; it fetches from where it came and nowhere else.
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def openapi_routes(document: Callable[[], Mapping[str, Any]]) -> list[Route[Endpoint]]:
    """The routes; document makes the description of the project as it is now."""

    def described(_req: falcon.Request, resp: Response, _params: dict[str, str]) -> None:
        resp.fill_json(200, document())

    def page(_req: falcon.Request, resp: Response, _params: dict[str, str]) -> None:
        html = (files("motia_actors.web") / "pages" / "openapi.html").read_bytes()
        headers = {
            "content-type": "text/html; charset=utf-8",
            "content-security-policy": _POLICY,
            "referrer-policy": "no-referrer",
            "x-content-type-options": "nosniff",
        }
        resp.fill(200, headers, html)

    return [Route("GET", "/openapi.json", described), Route("GET", "/openapi", page)]
