"""Who may use the control endpoints: whoever has a token, and in `dev` this machine.

A web page that a developer has open runs on this machine too, so in `dev` a request must also be
addressed to this machine by name, and come from no page of another one.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

import falcon

from motia_actors.settings import ControlToken
from motia_actors.web.answers import Endpoint, Response
from motia_actors.web.audit import Audit, Reason
from motia_actors.web.routes import Route

_AUTHORITY = re.compile(r"(\[[^\[\]]*\]|[^:/@\[\]]*)(?::[0-9]*)?")
_READS = frozenset({"GET", "HEAD"})
_HEADERS = {
    "cache-control": "no-store",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


class Guard:
    """Lets requests pass or refuses them.

    Args:
        token: What `Authorization: Bearer …` must carry; empty: nobody has one.
        is_dev: Requests of this machine pass without it.
        tokens: More of them, with a name and a scope each.
        audit: Takes every request that may have changed something, and those whose token did not
            let them.
    """

    def __init__(
        self,
        token: str,
        *,
        is_dev: bool,
        tokens: Sequence[ControlToken] = (),
        audit: Audit | None = None,
    ) -> None:
        first = (ControlToken(name="control", scope="write", token=token),) if token else ()
        self._tokens: list[tuple[bytes, ControlToken]] = [
            (one.token.encode(), one) for one in (*first, *tokens)
        ]
        self._is_dev, self._audit = is_dev, audit

    def over(self, routes: Iterable[Route[Endpoint]]) -> list[Route[Endpoint]]:
        """The routes, each behind the guard."""
        return [Route(route.method, route.path, self._guarded(route.target)) for route in routes]

    def check(self, req: falcon.Request) -> str:
        """Let the request pass; answers who it is, by the name of the token.

        What needs no token may change something by JSON only: a form of another page cannot send
        that unasked, as it cannot send a token.

        Raises:
            falcon.HTTPUnauthorized: it brings no token, and needs one.
            falcon.HTTPForbidden: its token is wrong or may only read, or a page of another
                machine sent it.
            falcon.HTTPUnsupportedMediaType: it would change something, and is no JSON.
        """
        scheme, _, given = (req.auth or "").partition(" ")
        if scheme.lower() == "bearer":
            return self._holder(given.strip().encode(), req)
        if not self._is_dev or not _is_here(req.env.get("REMOTE_ADDR", "")) or _is_relayed(req):
            raise falcon.HTTPUnauthorized(
                title="Set MOTIA_CONTROL_TOKEN, and send it as Authorization: Bearer <token>",
                challenges=["Bearer"],
            )
        origin = req.get_header("Origin")
        if not _is_here(_host_of(req)) or (origin and not _is_here(_host_in(origin))):
            raise falcon.HTTPForbidden(title="Only pages of this machine may do this")
        media_type = (req.content_type or "").partition(";")[0].strip().lower()
        is_json = media_type == "application/json" or media_type.endswith("+json")
        if req.method not in ("GET", "HEAD") and not is_json:
            raise falcon.HTTPUnsupportedMediaType(title="Send Content-Type: application/json")
        return "this machine"

    def _holder(self, given: bytes, req: falcon.Request) -> str:
        # All are compared, each in constant time: how long it takes tells nothing of any.
        found = [one for token, one in self._tokens if hmac.compare_digest(given, token)]
        if not found:
            raise self._refusal(req, "The token is not valid", who="", reason="token")
        who = found[0].name
        if req.method not in _READS and all(one.scope != "write" for one in found):
            raise self._refusal(req, f"The token {who!r} may only read", who=who, reason="scope")
        return who

    def _refusal(
        self, req: falcon.Request, title: str, *, who: str, reason: Reason
    ) -> falcon.HTTPForbidden:
        refusal = falcon.HTTPForbidden(title=title)
        if self._audit is not None:
            self._audit.refuse(req, who=who, status=refusal.status_code, reason=reason)
        return refusal

    def _guarded(self, endpoint: Endpoint) -> Endpoint:
        def answer(req: falcon.Request, resp: Response, params: dict[str, str]) -> None:
            who = self.check(req)
            try:
                endpoint(req, resp, params)
            except falcon.HTTPError as error:
                self._note(req, who, error.status_code)
                raise
            except BaseException:  # Whatever it is, it may have changed something.
                self._note(req, who, 500)
                raise
            resp.add_missing(_HEADERS)
            self._note(req, who, resp.status_code)

        return answer

    def _note(self, req: falcon.Request, who: str, status: int) -> None:
        if self._audit is not None and req.method not in _READS:
            self._audit.note(req, who=who, status=status)


def _is_relayed(req: falcon.Request) -> bool:
    # A proxy on this machine speaks for others, who are not on it.
    return "HTTP_X_FORWARDED_FOR" in req.env or "HTTP_FORWARDED" in req.env


def _host_of(req: falcon.Request) -> str:
    """The name or address that the request is for, without its port; `?` for what is neither.

    falcon's own reading raises for a port that is no number, or none after its colon.
    """
    match = _AUTHORITY.fullmatch(req.env.get("HTTP_HOST", req.env["SERVER_NAME"]))
    return match[1] if match else "?"


def _host_in(origin: str) -> str:
    try:
        return urlsplit(origin).hostname or "?"
    except ValueError:
        return "?"


def _is_here(host: str) -> bool:
    # A request over a unix socket has no address, and can only come from here.
    if not host or host.lower() == "localhost":
        return True
    try:
        # Not by how it begins: `127.0.0.1.evil.example` is a name, and anybody's.
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
