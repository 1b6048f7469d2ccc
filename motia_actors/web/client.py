"""Requests to a WSGI application of this process, without a server: for tests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlencode
from wsgiref.types import WSGIApplication

import msgspec
from falcon import testing

from motia_actors.payload import decode, encode


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came back: the status as a number, header names in lower case."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def text(self) -> str:
        """The body as UTF-8."""
        return self.body.decode()

    @property
    def json(self) -> Any:
        """The body's value; None where it is empty. Raises PayloadError where it is no JSON."""
        return decode(self.body) if self.body else None

    def header(self, name: str) -> str | None:
        """The first header of that name, in any case; None where there is none."""
        name = name.lower()
        return next((value for known, value in self.headers if known == name), None)


def request(
    app: WSGIApplication,
    method: str,
    path: str,
    *,
    query: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
    json: object = None,
    body: bytes | str | None = None,
) -> Answer:
    """Make a request and read its answer to the end.

    Args:
        app: What is asked.
        method: Such as `POST`.
        path: From the root; may hold a query string.
        query: Added to the path; a list is repeated.
        headers: Names in any case.
        json: Sent as JSON, with its content type. None sends nothing.
        body: Sent as it is, in place of json.
    """
    path, _, given = path.partition("?")
    more = "" if query is None else urlencode(query, doseq=True)
    fields = dict(headers or {})
    if body is None and json is not None:
        body = encode(json)
        fields = {"content-type": "application/json", **fields}
    environ = testing.create_environ(
        path,
        method=method.upper(),
        query_string="&".join(filter(None, (given, more))),
        headers=fields,
        body=body or b"",
    )
    start = testing.StartResponseMock()
    chunks: Iterable[bytes] = app(environ, start)
    try:
        data = b"".join(chunks)
    finally:
        close = getattr(chunks, "close", None)
        if close is not None:
            close()
    assert start.status is not None, "the application never started its answer"
    names = tuple((name.lower(), value) for name, value in start.headers or ())
    return Answer(status=int(start.status[:3]), headers=names, body=data)
