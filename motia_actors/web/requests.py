"""What a handler is given for a request: built straight from the WSGI environment."""

from __future__ import annotations

from typing import Any

import falcon

from motia_actors.messages import Request
from motia_actors.web.bodies import read_body
from motia_actors.web.cookies import parse_cookies
from motia_actors.web.limits import Limits
from motia_actors.web.queries import parse_query
from motia_actors.web.uploads import Uploads

_NAMES_MAX = 1024


class _HeaderNames(dict[str, str]):
    """Header names by environment key, empty for keys that are no header.

    Filled as keys are met. Clients choose the keys, so it stops growing at _NAMES_MAX.
    """

    def __missing__(self, key: str) -> str:
        if key in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            name = key.replace("_", "-").lower()
        elif key.startswith("HTTP_"):
            name = key[5:].replace("_", "-").lower()
        else:
            name = ""
        if len(self) < _NAMES_MAX:
            self[key] = name
        return name


_header_names = _HeaderNames()


def read_headers(environ: dict[str, Any]) -> dict[str, str]:
    """The request's headers by lower-case name; repeated ones come joined by the server."""
    names = _header_names
    headers = {name: value for key, value in environ.items() if (name := names[key])}
    # WSGI allows a server to hand these two out empty where they were not sent.
    if headers.get("content-type") == "":
        del headers["content-type"]
    if headers.get("content-length") == "":
        del headers["content-length"]
    return headers


def read_request(
    req: falcon.Request, params: dict[str, str], limits: Limits, uploads: Uploads | None = None
) -> Request:
    """The request as handlers see it; uploads is where large files go.

    Raises:
        falcon.HTTPError: it is malformed or over a limit.
    """
    environ = req.env
    headers = read_headers(environ)
    if len(headers) > limits.headers_max:
        raise falcon.HTTPError(falcon.HTTP_431, title="Too many headers")
    try:
        query = parse_query(req.query_string, fields_max=limits.fields_max)
    except ValueError as error:
        raise falcon.HTTPBadRequest(title=f"Invalid query string: {error}") from error
    body, raw_body = read_body(environ, limits, uploads)
    cookies = environ.get("HTTP_COOKIE")
    return Request(
        body=body,
        headers=headers,
        cookies=parse_cookies(cookies) if cookies else {},
        pathParams=params,
        queryParams=query,
        rawBody=raw_body,
        params=params,
        query=query,
        method=req.method,
        path=req.path,
    )
