"""The path of a request as routes are matched against it: percent-encoded, in one spelling.

WSGI hands out the path decoded, where `a%2Fb` and `a/b` look the same. Servers that also hand
out what came over the wire (gunicorn does, as RAW_URI) let us decode once, after the match.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from motia_actors.web.patterns import PATH_CHARS_SAFE

_MALFORMED = re.compile(r"%(?![0-9a-fA-F]{2})")
_ORIGIN = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://[^/]*")


def route_path(environ: dict[str, Any]) -> str:
    """The request's path, each character either safe in a path or percent-encoded.

    Raises:
        ValueError: an escape is malformed, or what it says is not UTF-8.
    """
    path: str = environ["PATH_INFO"] or "/"
    raw: str = environ.get("RAW_URI", "")
    if "%" in raw:
        exact = _from_raw(raw, path, root=environ.get("SCRIPT_NAME", ""))
        if exact is not None:
            return exact
    if path.isascii() and "%" not in path:
        return path
    return _encode(path.encode("latin-1", "replace"))


def _from_raw(raw: str, path: str, *, root: str) -> str | None:
    raw = raw.partition("?")[0]
    if not raw.startswith("/"):
        raw = _ORIGIN.sub("", raw, count=1)
    decoded = unquote_to_bytes(raw.encode("latin-1", "replace")).decode("latin-1")
    # Something between the server and us may have rewritten the path: then the raw one is stale.
    if decoded != root + path or not raw.startswith(root):
        return None
    if _MALFORMED.search(raw):
        raise ValueError("path has a malformed escape")
    segments = raw[len(root) :].encode("latin-1", "replace").split(b"/")
    return "/".join(_encode(unquote_to_bytes(segment), safe="") for segment in segments)


def _encode(decoded: bytes, *, safe: str = "/") -> str:
    try:
        text = decoded.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError("path is not UTF-8") from error
    return quote(text, safe=PATH_CHARS_SAFE.replace("/", safe))
