"""Falcon's router interface over the current table of routes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import falcon

from motia_actors.errors import UsageError
from motia_actors.web.answers import Endpoint, Response
from motia_actors.web.limits import Limits
from motia_actors.web.paths import route_path
from motia_actors.web.routes import Table

_FOUND = "motia_actors.found"
"""Key of the environment: the table that was searched for it, and what was found."""

Hit = tuple[Endpoint, dict[str, str]]


Found = tuple["Router", dict[str, Callable[[falcon.Request, Response], None]], dict[str, str], None]
"""Falcon's form: the resource, a responder by method, parameters, and the path's template."""

_NOTHING: tuple[object, Hit | None] = (None, None)


class Router:
    """Finds endpoints in `table`, which may be replaced while requests run."""

    def __init__(self, limits: Limits, *, has_preflight: bool) -> None:
        self.table: Table[Endpoint] = Table()
        self._path_chars_max = limits.path_chars_max
        self._has_preflight = has_preflight

    def add_route(self, uri_template: str, *_: object, **__: object) -> None:
        """Refuse: routes are mounted as a whole."""
        raise UsageError(f"route {uri_template!r}: mount routes with Front.mount")

    def peek(self, environ: dict[str, Any]) -> Endpoint | None:
        """The endpoint that `find` will find for this request, if there is one."""
        if len(environ["PATH_INFO"]) > self._path_chars_max:
            return None
        try:
            path = route_path(environ)
        except ValueError:
            return None
        table = self.table
        found = table.find(environ["REQUEST_METHOD"], path)
        environ[_FOUND] = table, found
        return None if found is None else found[0]

    def find(self, uri: str, req: falcon.Request) -> Found:
        """What answers the request, in the form falcon wants.

        Raises:
            falcon.HTTPError: nothing does.
        """
        table, found = req.env.get(_FOUND, _NOTHING)
        if table is not self.table or found is None:
            found = self._search(uri, req)
        endpoint, params = found
        # Falcon would pass parameters by keyword, and routes may call theirs anything.
        return self, {req.method: lambda req, resp: endpoint(req, resp, params)}, {}, None

    def _search(self, uri: str, req: falcon.Request) -> Hit:
        if len(uri) > self._path_chars_max:
            raise falcon.HTTPUriTooLong(title="Path is too long")
        try:
            path = route_path(req.env)
        except ValueError as error:
            raise falcon.HTTPBadRequest(title=f"Malformed path: {error}") from error
        found = self.table.find(req.method, path)
        return (self._unmatched(req.method, path), {}) if found is None else found

    def _unmatched(self, method: str, path: str) -> Endpoint:
        if method == "OPTIONS" and self._has_preflight:
            return _no_content
        allowed = self.table.methods(path)
        if not allowed:
            raise falcon.HTTPNotFound(title="Not found")
        if method == "OPTIONS":
            return _no_content
        raise falcon.HTTPMethodNotAllowed(allowed, title="Method not allowed")


def _no_content(_req: falcon.Request, resp: Response, _params: dict[str, str]) -> None:
    resp.fill(204, {}, b"")
