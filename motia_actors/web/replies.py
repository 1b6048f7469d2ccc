"""What a handler returned, as the answer to send.

    {"status": 200, "body": …, "headers": {"x-a": "1", "set-cookie": ["a=1", "b=2"]}}

`status` is a number from 200 to 599. The body is sent by its type: text as text/html, bytes,
`{"type": "Buffer", "data": [...]}` and what a generator yields as application/octet-stream,
anything else as JSON, and no `body` at all as nothing. A Content-Type of the handler's own wins.
An object with attributes of these names will do too.
"""

from __future__ import annotations

import re
from binascii import b2a_base64
from collections.abc import Mapping
from hashlib import sha1
from typing import Any

import msgspec

from motia_actors.errors import PayloadError, UsageError
from motia_actors.payload import encode
from motia_actors.pieces import Pieces
from motia_actors.web.answers import JSON

HTML = "text/html; charset=utf-8"
OCTETS = "application/octet-stream"

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_TEXT = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_CHARSET = re.compile(r";\s*charset\s*=\s*(\"[^\"]*\"|[^;\s]*)", re.IGNORECASE)
# How an answer is framed is the server's to say.
_OWN = frozenset(
    ("connection", "content-length", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade")
)
_BODILESS = frozenset((204, 304))
_STATUS_TEXTS = frozenset(map(str, range(200, 600)))
_MISSING: Any = object()
_STREAMED = bytes(1)  # Known by its identity.
_RIGHT = 'return {"status": 200, "body": …} with an optional "headers"'


class Reply(msgspec.Struct):
    """An answer, ready to send; header names are lower case."""

    status: int
    headers: dict[str, str]
    data: bytes
    cookies: tuple[str, ...] = ()
    pieces: Pieces | None = None


def encode_reply(result: object) -> Reply:
    """Write what a handler returned as an answer.

    Raises:
        UsageError: it is none; the message says what to return.
    """
    if result.__class__ is dict or isinstance(result, Mapping):  # The class is quick to see.
        status, body = result.get("status"), result.get("body", _MISSING)
        extra = result.get("headers")
    else:
        status, body = getattr(result, "status", None), getattr(result, "body", _MISSING)
        extra = getattr(result, "headers", None)
    if status.__class__ is not int or not 200 <= status <= 599:
        status = _status(result, status)
    cookies: tuple[str, ...] = ()
    pieces: Pieces | None = None
    headers: dict[str, str] = {}
    if extra:
        headers, cookies = _headers(extra)
    if status in _BODILESS or body is _MISSING:
        data = b""
        if status in _BODILESS:
            headers.pop("content-type", None)
    else:
        data, media_type = _body(body)
        if data is _STREAMED:
            pieces = body
        declared = headers.get("content-type")
        if declared is None:
            headers["content-type"] = media_type
        elif media_type is not OCTETS:
            # As Express does: what left as UTF-8 says so.
            headers["content-type"] = _CHARSET.sub("", declared) + "; charset=utf-8"
    return Reply(status, headers, data, cookies, pieces)


def close_body(result: object) -> None:
    """End the body of a result that is not sent, where it would be made while it is."""
    body = result.get("body") if isinstance(result, Mapping) else None
    if isinstance(body, Pieces):
        body.close()


def etag_of(data: bytes) -> str:
    """The weak validator that Express gives a body."""
    # No secret hangs on it, and clients that saw Motia's answer know this very value.
    digest = b2a_base64(sha1(data, usedforsecurity=False).digest())
    return (b'W/"%x-%.27b"' % (len(data), digest)).decode()


def names_tag(if_none_match: str, etag: str) -> bool:
    """The header names this validator, weak or strong, or any there is."""
    held = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return if_none_match.strip() == "*" or etag.removeprefix("W/") in held


def add_etag(reply: Reply, environ: Mapping[str, Any]) -> None:
    """Give a success its validator, and answer 304 where the client has it already."""
    if not reply.data or not 200 <= reply.status < 300:
        return
    headers = reply.headers
    if "etag" not in headers:
        headers["etag"] = etag_of(reply.data)
    if "HTTP_IF_NONE_MATCH" not in environ:
        return
    if "no-cache" in environ.get("HTTP_CACHE_CONTROL", "").lower():
        return
    if names_tag(environ["HTTP_IF_NONE_MATCH"], headers["etag"]):
        reply.status, reply.data = 304, b""
        reply.headers.pop("content-type", None)


def _status(result: object, status: object) -> int:
    """The uncommon spellings of a status: text and floats, as JavaScript takes them."""
    if isinstance(status, str | float) and str(status).removesuffix(".0") in _STATUS_TEXTS:
        status = int(float(status))
    # IntEnum, such as http.HTTPStatus, is an int of another class; a bool is one too.
    if isinstance(status, int) and not isinstance(status, bool) and 200 <= status <= 599:
        return int(status)
    if not result:
        raise UsageError(f"handler returned {result!r}; {_RIGHT}")
    if status is None:
        raise UsageError(f"handler returned a {type(result).__name__} without status; {_RIGHT}")
    raise UsageError(f"status is {status!r:.80}, not a number from 200 to 599; {_RIGHT}")


def _headers(extra: object) -> tuple[dict[str, str], tuple[str, ...]]:
    if not isinstance(extra, Mapping):
        raise UsageError(f"headers is a {type(extra).__name__}, not a dict; {_RIGHT}")
    headers: dict[str, str] = {}
    cookies: list[str] = []
    for name, value in extra.items():
        if not isinstance(name, str) or not _TOKEN.fullmatch(name):
            raise UsageError(f"header name {name!r:.80} has characters that no name may have")
        lower = name.lower()
        if value is None or lower in _OWN:
            continue
        values = [_value(name, one) for one in (value if _is_list(value) else (value,))]
        if lower == "set-cookie":
            cookies += values
        else:
            headers[lower] = ", ".join(values)
    return headers, tuple(cookies)


def _is_list(value: object) -> bool:
    return isinstance(value, list | tuple)


def _value(name: str, value: object) -> str:
    text = value if isinstance(value, str) else str(value)
    # A line break here would start a header, or an answer, of the attacker's making.
    if not _TEXT.fullmatch(text):
        raise UsageError(
            f"header {name!r} has a line break, a control character or one beyond latin-1: "
            f"{text!r:.80}; percent-encode it"
        )
    return text


def _body(body: Any) -> tuple[bytes, str]:
    if body.__class__ is not dict or "type" in body:  # Most need no further look.
        special = _special(body)
        if special is not None:
            return special
    try:
        return encode(body), JSON
    except PayloadError as error:
        if isinstance(body, Pieces):
            return _STREAMED, OCTETS
        raise UsageError(f"body: {error}") from error


def _special(body: object) -> tuple[bytes, str] | None:
    """A body that is text or bytes, or stands for bytes; None for any other."""
    if isinstance(body, str):
        try:
            return body.encode(), HTML
        except UnicodeEncodeError as error:
            raise UsageError(f"body cannot be written as UTF-8: {error}") from error
    if isinstance(body, bytes | bytearray | memoryview):
        return bytes(body), OCTETS
    if isinstance(body, dict) and body.get("type") == "Buffer" and len(body) == 2:
        try:
            return bytes(list(body["data"])), OCTETS
        except (KeyError, TypeError, ValueError):
            pass  # Looks like a Node Buffer and is none: sent as the JSON it is.
    return None
