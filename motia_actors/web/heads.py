"""Reads the head of a request out of a buffer, as strictly as gunicorn does.

gunicorn's own request class reads it, with the compiled parser of gunicorn's author where that
is installed: what stock workers refuse is refused here, for the same reason and with the same
status, and every setting about heads and proxies means the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from gunicorn.config import Config
from gunicorn.http.body import ChunkedReader, LengthReader
from gunicorn.http.errors import (
    ConfigurationProblem,
    ExpectationFailed,
    ForbiddenProxyRequest,
    InvalidHeader,
    InvalidRequestLine,
    LimitRequestHeaders,
    LimitRequestLine,
    NoMoreData,
    ObsoleteFolding,
    UnsupportedTransferCoding,
)
from gunicorn.http.message import Request

from motia_actors.web.chunks import Chunks

# A request line that means the same to every parser; any other is left to gunicorn's.
_LINE = re.compile(
    rb"(GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS) "
    rb"(/(?!/)[\w.~!$&'()*+,;=:@%/-]*)(?:\?([\w.~!$&'()*+,;=:@%/?-]*))? HTTP/1\.1\r\n",
    re.ASCII,
)

# A name or an address, with or without a port: what RFC 3986 lets be there, and nothing else.
_HOST = re.compile(r"[\w.~!$&'()*+,;=%:\[\]-]*", re.ASCII)

_STATUSES: tuple[tuple[type[Exception], str], ...] = (
    (LimitRequestLine, "414 URI Too Long"),
    (LimitRequestHeaders, "431 Request Header Fields Too Large"),
    (UnsupportedTransferCoding, "501 Not Implemented"),
    (ExpectationFailed, "417 Expectation Failed"),
    (ForbiddenProxyRequest, "403 Forbidden"),
    (ConfigurationProblem, "500 Internal Server Error"),
)


class Head(Request):  # type: ignore[misc]  # gunicorn has no types
    """A request's head; `length` is its body's, `chunks` decodes a body of unknown length."""

    body: Any
    length: int = 0
    chunks: Chunks | None = None
    is_last: bool = False
    """The client wants no answer after this one's."""

    def set_body_reader(self) -> None:
        """Decide how long the body is; it is read elsewhere."""
        super().set_body_reader()
        reader = self.body.reader
        if isinstance(reader, ChunkedReader):
            self.chunks = Chunks(
                line_bytes_max=self.limit_request_field_size,
                trailer_bytes_max=self.max_buffer_headers,
            )
        elif isinstance(reader, LengthReader):
            self.length = reader.length
        self.body = None

    def _peer_trusted_for_forwarded(self) -> tuple[Any, Any]:
        # What a connection's peer may say of others is the same for all its requests.
        reader = self.unreader.reader
        if reader.trust is None:
            reader.trust = super()._peer_trusted_for_forwarded()
        trust: tuple[Any, Any] = reader.trust
        return trust

    def finish(self) -> None:
        """Look at what gunicorn does not: `Host`, and `close` among other words of `Connection`.

        Raises:
            InvalidHeader: no host in HTTP/1.1, or none that can be (RFC 9112, section 3.2).
        """
        words = []
        hosts = []
        for name, value in self.headers:
            if name == "CONNECTION":
                words += [word.strip() for word in value.lower().split(",")]
            elif name == "HOST":
                hosts.append(value)
        if (self.version >= (1, 1) and not hosts) or not all(map(_HOST.fullmatch, hosts)):
            raise InvalidHeader("HOST")
        self.is_last = "close" in words or bool(super().should_close())

    def should_close(self) -> bool:
        """The connection ends with the answer to this request."""
        return self.is_last or bool(self.must_close)

    def check_trailers(self) -> None:
        """Raise what gunicorn raises for trailers that must not be; then they are dropped."""
        if self.chunks is not None and self.chunks.trailers:
            self.parse_headers(self.chunks.trailers, from_trailer=True)

    @property
    def is_continue_expected(self) -> bool:
        """The client waits for a 100 before it sends the body."""
        return bool(self._expected_100_continue)

    def repeat(self) -> Callable[[re.Match[bytes], int], Head]:
        """What makes heads that have other request lines over the same header lines.

        Each has headers of its own: a hook may change them.
        """
        fields, headers = {**self.__dict__, "unreader": None}, tuple(self.headers)

        def repeated(line: re.Match[bytes], number: int) -> Head:
            head = Head.__new__(Head)
            head.__dict__.update(fields)
            method, path, query = line.groups(b"")
            head.method, head.path, head.query = method.decode(), path.decode(), query.decode()
            head.uri = line[0][len(method) + 1 : -11].decode()
            head.headers, head.req_number = list(headers), number
            return head

        return repeated


class _Buffer:
    """What the request class reads from: all there is, then the end."""

    def __init__(self, data: bytes, reader: HeadReader) -> None:
        self._data, self.reader = data, reader
        self.rest = b""

    def read(self, *_: Any, **__: Any) -> bytes:
        data, self._data = self._data, b""
        return data

    def unread(self, data: bytes) -> None:
        self.rest = data


class HeadReader:
    """Finds and reads the heads of a connection's requests.

    A client that keeps its connection sends the same header lines again and again: what they were
    read as the last time is used again, and only the request line is read.
    """

    def __init__(self, cfg: Config, peer: object) -> None:
        self._cfg, self._peer = cfg, peer
        self.trust: tuple[Any, Any] | None = None
        self._searched = 0
        self._count = 0
        self._repeat: Callable[[re.Match[bytes], int], Head] | None = None
        self._last_lines = b""
        self._line_bytes_max = cfg.limit_request_line or 1 << 20
        fields, field_bytes = cfg.limit_request_fields, cfg.limit_request_field_size
        self._head_bytes_max = self._line_bytes_max + (fields or 100) * (field_bytes or 8190)
        # A preamble of the PROXY protocol may hold anything, also what looks like a head's end.
        self._is_eager = cfg.proxy_protocol != "off"

    def read(self, buffer: bytearray) -> Head | None:
        """Take a head off the front of buffer; None until all of it is there.

        Raises:
            Exception: one of gunicorn's; `status_of` says what it means.
        """
        end = buffer.find(b"\r\n\r\n", max(0, self._searched - 3))
        if end < 0 and not self._is_eager:
            self._check_part(buffer)
            self._searched = len(buffer)
            return None
        # A copy of the head alone: behind it may be a body of megabytes.
        stop = len(buffer) if end < 0 or self._is_eager else end + 4
        data = bytes(buffer[:stop])
        line = None if self._is_eager else _LINE.match(data)
        if line is not None and line.end() - 2 > self._line_bytes_max:
            line = None
        if line and self._repeat is not None and data[line.end() :] == self._last_lines:
            del buffer[:stop]
            self._searched = 0
            self._count += 1
            return self._repeat(line, self._count)
        # The compiled parser takes a bare LF for the end of a line, where others may not.
        if not self._is_eager and data.count(b"\n") != data.count(b"\r\n"):
            raise InvalidHeader("bare LF as line terminator")
        # It also joins folded lines, which gunicorn refuses unless told otherwise.
        if (b"\r\n " in data or b"\r\n\t" in data) and not self._cfg.permit_obsolete_folding:
            raise ObsoleteFolding("a header")
        # And it takes any number of blanks in a request line.
        if line is None and not self._is_eager and data.count(b" ", 0, data.find(b"\r\n")) != 2:
            raise InvalidRequestLine(data[:80].decode("latin-1"))
        source = _Buffer(data, self)
        try:
            head = Head(self._cfg, source, self._peer, self._count + 1)
        except (NoMoreData, StopIteration) as error:
            if not self._is_eager:
                # All of it is there: a parser that waits for more has misread it.
                raise InvalidRequestLine(data[:80].decode("latin-1")) from error
            self._searched = len(buffer)
            return None
        del buffer[: stop - len(source.rest)]
        self._searched = 0
        head.finish()
        self._count += 1
        self._is_eager = False
        self._repeat = None
        if line is not None and head.chunks is None and not head.is_continue_expected:
            self._repeat, self._last_lines = head.repeat(), data[line.end() :]
        return head

    def _check_part(self, buffer: bytearray) -> None:
        """Refuse a half head that is too long already, or has a line that ends wrongly."""
        start = max(0, self._searched - 1)
        if buffer.find(b"\n", start) >= 0 and buffer.count(b"\n") != buffer.count(b"\r\n"):
            raise InvalidHeader("bare LF as line terminator")
        if len(buffer) > self._line_bytes_max + 2:
            if buffer.find(b"\r\n", 2, self._line_bytes_max + 4) < 0:
                raise LimitRequestLine(len(buffer), self._line_bytes_max)
            if len(buffer) > self._head_bytes_max:
                raise LimitRequestHeaders("max buffer headers")


def status_of(error: Exception) -> str:
    """The status that tells a client of one of gunicorn's errors."""
    for kind, status in _STATUSES:
        if isinstance(error, kind):
            return status
    return "400 Bad Request"
