"""An answer as HTTP/1 puts it on the wire: WSGI's `start_response`, head and body.

It refuses and frames what gunicorn's response class refuses and frames. That one looks at every
header of every answer by itself and takes as long for it as falcon does for the request; here
names are looked at once and the values of an answer together.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from types import TracebackType

from gunicorn import SERVER
from gunicorn.http.errors import InvalidResponseHeader, InvalidResponseHeaderName
from gunicorn.http.message import TOKEN_RE
from gunicorn.http.wsgi import HEADER_VALUE_RE, STATUS_RE
from gunicorn.util import hop_headers, http_date

from motia_actors.web.heads import Head

Headers = list[tuple[str, str]]
ExcInfo = tuple[type[BaseException], BaseException, TracebackType]


@functools.lru_cache(maxsize=1024)
def _lower(name: str) -> str:
    """A header's name in lower case; empty where the header is the server's own to say."""
    if not TOKEN_RE.fullmatch(name):
        raise InvalidResponseHeaderName(repr(name))
    lower = name.lower()
    return "" if lower in hop_headers else lower


@functools.lru_cache(maxsize=256)
def code_of(status: str) -> int:
    """The number of a status line's text, `200 OK`.

    Raises:
        ValueError: it is none.
    """
    if not STATUS_RE.fullmatch(status):
        raise ValueError(f"Invalid status {status!r}")
    return int(status[:3])


@functools.lru_cache(maxsize=1024)
def _shape(names: tuple[str, ...]) -> tuple[str, tuple[int, ...]]:
    """Lines for headers of these names, their values left open; the places of lengths."""
    lines, at_lengths = [], []
    for at, name in enumerate(names):
        lower = _lower(name)
        lines.append(name.replace("%", "%%") + ": %s\r\n" if lower else "%.0s")
        if lower == "content-length":
            at_lengths.append(at)
    return "".join(lines), tuple(at_lengths)


def lines_of(headers: Sequence[tuple[str, str]]) -> tuple[str, int | None]:
    """The headers as lines, and the length of the body that they declare.

    Raises:
        InvalidResponseHeaderName: a name is no token.
        InvalidResponseHeader: a value has a line break, or another character that none may have.
        ValueError: a length is no number.
    """
    if not headers:
        return "", None
    names, values = zip(*headers, strict=True)
    together = "".join(values)
    # Printable ASCII, as nearly all are: told without an expression, and of all in one.
    if not (together.isascii() and together.isprintable()):
        for name, value in headers:
            if not HEADER_VALUE_RE.fullmatch(value):
                raise InvalidResponseHeader(repr(name))  # The value may be a secret.
    shape, at_lengths = _shape(names)
    length: int | None = None
    for at in at_lengths:
        length = int(values[at])
    # The texts that were looked at: what a class of its own prints may be another.
    return shape % tuple(map(str.__str__, values)), length


class _Dates:
    """The Date header, made once a second."""

    def __init__(self) -> None:
        self._at_s, self._text = 0, ""

    def now(self) -> str:
        at_s = int(time.time())
        if at_s != self._at_s:
            self._text = http_date(at_s)
            self._at_s = at_s
        return self._text


_dates = _Dates()


def head_of(version: tuple[int, int], status: str, lines: str) -> bytes:
    """Status line, what every answer says, and lines."""
    major, minor = version
    return (
        f"HTTP/{major}.{minor} {status}\r\nServer: {SERVER}\r\nDate: {_dates.now()}\r\n{lines}\r\n"
    ).encode("latin-1")


def connection_line(*, closes: bool) -> str:
    """The header that says whether the connection ends with the answer."""
    return "Connection: close\r\n" if closes else "Connection: keep-alive\r\n"


class Answer:
    """The answer to one request, handed to `take` piece by piece, the head first.

    `status`, `headers` and `sent`, in bytes of the body, are what gunicorn's access log reads.
    """

    def __init__(self, head: Head, take: Callable[[bytes], None]) -> None:
        self._head, self._take = head, take
        self.status = ""
        self.headers: Headers = []
        self.sent = 0
        self.headers_sent = False
        self._lines = ""
        self._length: int | None = None
        self._has_body = True
        self._is_chunked = False
        self._is_last = False
        self._closes: bool | None = None

    def force_close(self) -> None:
        """Let the connection end with this answer."""
        self._is_last, self._closes = True, None

    def should_close(self) -> bool:
        """The connection ends with this answer."""
        if self._closes is None:
            # Without a length and without chunks only the end tells where the body ends.
            ends_with_body = self._has_body and self._length is None and not self._is_chunked
            self._closes = self._is_last or ends_with_body or self._head.should_close()
        return self._closes

    def start_response(
        self, status: str, headers: Headers, exc_info: ExcInfo | None = None
    ) -> Callable[[bytes], None]:
        """Take status and headers, as WSGI has it; answers `write`."""
        if exc_info is not None:
            if self.headers_sent:
                raise exc_info[1].with_traceback(exc_info[2])
        elif self.status:
            raise AssertionError("Response headers already set!")
        code, head = code_of(status), self._head
        lines, length = lines_of(headers)
        is_bare = code == 204 or code < 200
        if is_bare and length is not None:  # An answer of these has no body to have a length.
            headers = [header for header in headers if _lower(header[0]) != "content-length"]
            lines, length = lines_of(headers)
        self._has_body = not (is_bare or code == 304 or head.method == "HEAD")
        self._is_chunked = length is None and self._has_body and head.version > (1, 0)
        self.status, self.headers = status, headers
        self._lines, self._length, self._closes = lines, length, None
        return self.write

    def write(self, data: bytes) -> None:
        """Send a piece of the body, as far as the declared length goes."""
        if not self.headers_sent:
            self._send_head()
        if not isinstance(data, bytes):
            raise TypeError(f"{data!r:.80} is not bytes")
        if not self._has_body:
            return
        if self._length is not None:
            data = data[: self._length - self.sent]
        if not data:
            return
        self.sent += len(data)
        self._take(b"%X\r\n%b\r\n" % (len(data), data) if self._is_chunked else data)

    def close(self) -> None:
        """Send what is missing: the head, or the mark of the end."""
        if not self.headers_sent:
            self._send_head()
        if self._is_chunked:
            self._take(b"0\r\n\r\n")

    def _send_head(self) -> None:
        connection = connection_line(closes=self.should_close())
        coding = "Transfer-Encoding: chunked\r\n" if self._is_chunked else ""
        self.headers_sent = True
        lines = connection + coding + self._lines
        self._take(head_of(self._head.version, self.status, lines))
