"""Files of a project's folder, served as they are: pages, scripts, pictures.

Nothing outside of the folder is ever sent: parts of a path that are empty, begin with a dot or hold
a backslash or NUL are refused, and what is opened is, links followed, below the folder. A range of
one piece is sent; several at once are answered whole, as RFC 9110, section 14.2 allows.
"""

from __future__ import annotations

import contextlib
import mimetypes
import os
import re
import stat
from collections.abc import Iterator, Mapping
from email.utils import formatdate, parsedate_to_datetime
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote

import falcon

from motia_actors.web.answers import Endpoint, Response
from motia_actors.web.paths import route_path
from motia_actors.web.replies import names_tag
from motia_actors.web.routes import Route

PAGE = "index.html"
PIECE_BYTES = 1 << 16
_RANGE = re.compile(r"bytes\s*=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*", re.ASCII)
# Python's own table: that of a machine may say other things, and old ones do not know these.
_types = mimetypes.MimeTypes()
for _type, _ending in (
    ("text/javascript", ".js"),
    ("text/javascript", ".mjs"),
    ("font/woff2", ".woff2"),
    ("font/woff", ".woff"),
    ("application/wasm", ".wasm"),
    ("image/webp", ".webp"),
    ("image/avif", ".avif"),
    ("application/manifest+json", ".webmanifest"),
    ("text/markdown", ".md"),
    ("application/json", ".map"),
):
    _types.add_type(_type, _ending)


class StaticFiles:
    """A folder below a prefix.

    Args:
        folder: Need not exist; then nothing is found.
        prefix: Such as `/` or `/assets`.
        has_fallback: Its page answers for every path without a file, for applications that have
            routes of their own in the browser; not for names with an ending, such as `/app.js`.
    """

    def __init__(self, folder: Path, prefix: str, *, has_fallback: bool) -> None:
        self._folder = folder
        self._prefix = prefix.strip("/")
        self._has_fallback = has_fallback

    def routes(self) -> list[Route[Endpoint]]:
        """The route, to go after all others."""
        base = f"/{self._prefix}" if self._prefix else ""
        return [Route("GET", path, self._answer) for path in (base or "/", f"{base}/*")]

    def _answer(self, req: falcon.Request, resp: Response, _params: dict[str, str]) -> None:
        # Of several slashes at the beginning one is left: two would name another host below.
        asked = route_path(req.env).lstrip("/")
        path = unquote(asked[len(self._prefix) :].lstrip("/"))
        name = PAGE if not path or path.endswith("/") else path
        file = self._open(path)
        if file is None and path and not path.endswith("/") and self._is_folder(path):
            # So that what its page names relatively is found.
            query = f"?{req.query_string}" if req.query_string else ""
            root = req.env.get("SCRIPT_NAME", "")
            resp.fill(308, {"location": f"{root}/{asked}/{query}"}, b"")
            return
        if file is None and self._has_fallback and "." not in path.rpartition("/")[2]:
            name, file = PAGE, self._open(PAGE)
        if file is None:
            raise falcon.HTTPNotFound(title="Not found")
        try:
            _send(file, name, req, resp)
        except BaseException:
            file.close()
            raise

    def _open(self, path: str) -> BinaryIO | None:
        """The file, open; None where there is none that may be sent."""
        if not path or path.endswith("/"):
            path += PAGE
        found = self._below(path)
        if found is None:
            return None
        # NONBLOCK, so that a pipe which somebody put there holds up no thread.
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        try:
            file = os.fdopen(os.open(found, flags), "rb", buffering=0)
        except OSError:
            return None
        if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            return file
        file.close()
        return None

    def _is_folder(self, path: str) -> bool:
        found = self._below(path)
        return found is not None and os.path.isfile(os.path.join(found, PAGE))  # noqa: PTH113, PTH118

    def _below(self, path: str) -> str | None:
        """Where the path leads, links followed; None where that is outside, or hidden."""
        for part in path.split("/"):
            if not part or part.startswith(".") or "\\" in part or "\0" in part:
                return None
        root = os.path.realpath(self._folder)
        with contextlib.suppress(OSError, ValueError):
            found = os.path.realpath(os.path.join(root, path), strict=True)  # noqa: PTH118
            if found.startswith(root.rstrip("/") + "/"):
                inner = found[len(root.rstrip("/")) + 1 :]
                # A link to a hidden file shows what is hidden, too.
                return None if any(one.startswith(".") for one in inner.split("/")) else found
        return None


class FilePieces:
    """A part of an open file, as WSGI takes it."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._left = file, size

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        data = self._file.read(min(PIECE_BYTES, self._left)) if self._left else b""
        if not data:
            raise StopIteration
        self._left -= len(data)
        return data

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def type_of(name: str) -> str:
    """The content type of a file by its name; text says that it is UTF-8."""
    guessed, coding = _types.guess_type(name)
    if guessed is None or coding is not None:
        return "application/octet-stream"
    return f"{guessed}; charset=utf-8" if guessed.startswith("text/") else guessed


def range_of(header: str, size: int) -> tuple[int, int] | None:
    """First byte and count of what is asked for; None: all of it. Pure.

    Raises:
        ValueError: nothing of the file is in the range.
    """
    match = _RANGE.fullmatch(header)
    if match is None or not (match[1] or match[2]):
        return None
    if not match[1]:
        count = min(int(match[2]), size)
        start, end = size - count, size - 1
    else:
        start, end = int(match[1]), min(int(match[2]) if match[2] else size - 1, size - 1)
        if match[2] and int(match[2]) < start:
            return None  # Malformed, so it counts as not there.
    if start >= size or end < start:
        raise ValueError(f"no byte of {header!r:.80} in a file of {size}")
    return start, end - start + 1


def is_held(headers: Mapping[str, str], etag: str, modified_s: int) -> bool:
    """The client has it already: by If-None-Match, or where that is not there by date. Pure."""
    tags = headers.get("HTTP_IF_NONE_MATCH")
    if tags is not None:
        return names_tag(tags, etag)
    return _is_since(headers.get("HTTP_IF_MODIFIED_SINCE"), modified_s) is True


def is_changed(headers: Mapping[str, str], etag: str, modified_s: int) -> bool:
    """The client wants the file as it was, and it is another: by If-Match, or by date. Pure."""
    tags = headers.get("HTTP_IF_MATCH")
    if tags is not None:
        # A weak validator never matches here (RFC 9110, section 13.1.1).
        return tags.strip() != "*" and etag not in [tag.strip() for tag in tags.split(",")]
    return _is_since(headers.get("HTTP_IF_UNMODIFIED_SINCE"), modified_s) is False


def _is_since(text: str | None, modified_s: int) -> bool | None:
    """It was not changed after the date; None where there is no date, or none that can be read."""
    try:
        return None if text is None else modified_s <= parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


def _send(file: BinaryIO, name: str, req: falcon.Request, resp: Response) -> None:
    known = os.fstat(file.fileno())
    modified_s, size = int(known.st_mtime), known.st_size
    etag = f'"{known.st_mtime_ns:x}-{size:x}-{known.st_ino:x}"'
    headers = {
        "etag": etag,
        "last-modified": formatdate(modified_s, usegmt=True),
        "accept-ranges": "bytes",
        "cache-control": "no-cache",
        "x-content-type-options": "nosniff",
    }
    if is_changed(req.env, etag, modified_s):
        file.close()
        resp.fill_json(412, {"error": "The file is another one by now"}, headers)
        return
    if is_held(req.env, etag, modified_s):
        file.close()
        resp.fill(304, headers, b"")
        return
    headers["content-type"] = type_of(name)
    status, start, count = 200, 0, size
    condition = req.env.get("HTTP_IF_RANGE")
    asked = req.env.get("HTTP_RANGE")
    if asked and (condition is None or condition in (etag, headers["last-modified"])):
        try:
            part = range_of(asked, size)
        except ValueError:
            file.close()
            resp.fill_json(
                416, {"error": "Range not satisfiable"}, {"content-range": f"bytes */{size}"}
            )
            return
        if part is not None:
            status, (start, count) = 206, part
            headers["content-range"] = f"bytes {start}-{start + count - 1}/{size}"
    headers["content-length"] = str(count)
    resp.fill(status, headers, b"")
    if req.method == "HEAD":
        file.close()
        resp.data = None
        resp.stream = ()
        return
    file.seek(start)
    if count <= PIECE_BYTES:
        with file:
            resp.data = file.read(count)
        headers["content-length"] = str(len(resp.data))
    else:
        resp.fill_pieces(FilePieces(file, count))
