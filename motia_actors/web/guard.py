"""Who may use the control endpoints: whoever has the token, and in `dev` this machine.

A web page that a developer has open runs on this machine too, so in `dev` a request must also be
addressed to this machine by name, and come from no page of another one.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from urllib.parse import urlsplit

import falcon

from motia_actors.web.answers import Endpoint, Response
from motia_actors.web.routes import Route

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Guard:
    """Lets requests pass or refuses them.

    Args:
        token: What `Authorization: Bearer …` must carry; empty: nobody has one.
        is_dev: Requests of this machine pass without it.
    """

    def __init__(self, token: str, *, is_dev: bool) -> None:
        self._token = token.encode()
        self._is_dev = is_dev

    def over(self, routes: Iterable[Route[Endpoint]]) -> list[Route[Endpoint]]:
        """The routes, each behind the guard."""
        return [Route(route.method, route.path, self._guarded(route.target)) for route in routes]

    def check(self, req: falcon.Request) -> None:
        """Let the request pass.

        What needs no token may change something by JSON only: a form of another page cannot send
        that unasked, as it cannot send a token.

        Raises:
            falcon.HTTPUnauthorized: it brings no token, and needs one.
            falcon.HTTPForbidden: its token is wrong, or a page of another machine sent it.
            falcon.HTTPUnsupportedMediaType: it would change something, and is no JSON.
        """
        scheme, _, given = (req.auth or "").partition(" ")
        if scheme.lower() == "bearer":
            if self._token and hmac.compare_digest(given.strip().encode(), self._token):
                return
            raise falcon.HTTPForbidden(title="The token is not valid")
        if not self._is_dev or not _is_here(req.env.get("REMOTE_ADDR", "")):
            raise falcon.HTTPUnauthorized(
                title="Set MOTIA_CONTROL_TOKEN, and send it as Authorization: Bearer <token>",
                challenges=["Bearer"],
            )
        origin = req.get_header("Origin")
        if not _is_here(req.host) or (origin and not _is_here(urlsplit(origin).hostname or "?")):
            raise falcon.HTTPForbidden(title="Only pages of this machine may do this")
        media_type = (req.content_type or "").partition(";")[0].strip().lower()
        is_json = media_type == "application/json" or media_type.endswith("+json")
        if req.method not in ("GET", "HEAD") and not is_json:
            raise falcon.HTTPUnsupportedMediaType(title="Send Content-Type: application/json")

    def _guarded(self, endpoint: Endpoint) -> Endpoint:
        def answer(req: falcon.Request, resp: Response, params: dict[str, str]) -> None:
            self.check(req)
            endpoint(req, resp, params)

        return answer


def _is_here(host: str) -> bool:
    # A request over a unix socket has no address, and can only come from here.
    return not host or host.strip("[]").lower() in _LOOPBACK or host.startswith("127.")
