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


_USUAL = """
    GATEWAY_INTERFACE PATH_INFO QUERY_STRING RAW_URI REMOTE_ADDR REMOTE_PORT REQUEST_METHOD
    SCRIPT_NAME SERVER_NAME SERVER_PORT SERVER_PROTOCOL SERVER_SOFTWARE gunicorn.socket
    wsgi.early_hints wsgi.errors wsgi.file_wrapper wsgi.input wsgi.input_terminated
    wsgi.multiprocess wsgi.multithread wsgi.run_once wsgi.url_scheme wsgi.version
    motia_actors.desert motia_actors.found motia_actors.on_cut motia_actors.on_wait
    motia_actors.take_over
"""
_NO_HEADERS = frozenset(_USUAL.split())
"""Keys of nearly every environment that are no header, and are passed over at once."""


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
    names, headers = _header_names, {}
    for key, value in environ.items():
        if key not in _NO_HEADERS and (name := names[key]):
            headers[name] = value
    # WSGI allows a server to hand these two out empty where they were not sent.
    for name in ("content-type", "content-length"):
        if name in headers and not headers[name]:
            del headers[name]
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
    return Request(
        body=body,
        headers=headers,
        cookies=parse_cookies(environ["HTTP_COOKIE"]) if "HTTP_COOKIE" in environ else {},
        pathParams=params,
        queryParams=query,
        rawBody=raw_body,
        params=params,
        query=query,
        method=req.method,
        path=req.path,
    )
