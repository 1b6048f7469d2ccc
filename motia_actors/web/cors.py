"""Which pages of other origins may call: the headers that tell a browser."""

from __future__ import annotations

import re

import falcon

from motia_actors.web.answers import Response
from motia_actors.web.routes import METHODS

MAX_AGE_S = 600
_HEADER_LIST = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~, -]{1,4096}")


class Cors:
    """The policy: everybody without credentials (`*`), nobody (`off`), or these origins.

    Motia answers everybody and allows credentials, which browsers refuse together, and private
    networks; both are left out here. Listed origins may send credentials.
    """

    def __init__(self, origins: str | tuple[str, ...]) -> None:
        self.is_on = origins != "off"
        self._everybody: dict[str, str] | None = None
        self._origins: frozenset[str] = frozenset()
        if origins == "*":
            self._everybody = {
                "access-control-allow-origin": "*",
                "access-control-allow-methods": "*",
                "access-control-allow-headers": "*",
                "access-control-max-age": str(MAX_AGE_S),
            }
        elif isinstance(origins, tuple):
            self._origins = frozenset(origin.rstrip("/").lower() for origin in origins)

    def process_response(self, req: falcon.Request, resp: Response, *_: object) -> None:
        """Add the headers to any answer, errors included; those of a handler win."""
        if self._everybody is not None:
            resp.add_missing(self._everybody)
        elif self.is_on:
            vary = resp.get_header("vary")
            if vary is None or "origin" not in vary.lower():
                resp.set_header("vary", f"{vary}, Origin" if vary else "Origin")
            resp.add_missing(self._for_origin(req))

    def _for_origin(self, req: falcon.Request) -> dict[str, str]:
        origin = req.get_header("Origin") or ""
        if origin.lower() not in self._origins:
            return {}
        # With credentials a `*` means the header or method of that very name.
        asked = req.get_header("Access-Control-Request-Headers") or ""
        return {
            "access-control-allow-origin": origin,
            "access-control-allow-credentials": "true",
            "access-control-allow-methods": ", ".join(METHODS),
            "access-control-allow-headers": (
                asked if _HEADER_LIST.fullmatch(asked) else "Content-Type, Authorization"
            ),
            "access-control-max-age": str(MAX_AGE_S),
        }
