"""Under gunicorn's own workers: an answer's head and body in one write.

gunicorn writes them apart, and looks at each header by itself. A write lets go of the interpreter,
which a worker of many threads then waits for, and wakes the client for half an answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from gunicorn.http.wsgi import Response

from motia_actors.web.service import App
from motia_actors.web.wire import ExcInfo, Headers, code_of, connection_line, head_of, lines_of

JOINED_BYTES_MAX = 64 * 1024
"""A longer piece is not copied to follow the head at once."""


def joining(app: App) -> App:
    """The application, answering through `JoinedResponse` where gunicorn's response is plain."""

    def serve(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        response: Any = getattr(start_response, "__self__", None)
        if response.__class__ is Response:  # That of HTTP/2 is another.
            # The worker made it, and goes on to write to it.
            response.__class__ = JoinedResponse
            start_response = response.start_response
        return app(environ, start_response)

    return serve


class JoinedResponse(Response):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's response, which sends the usual answer, a body of declared length, its own way.

    Any other is left to gunicorn.
    """

    status: str | None
    status_code: int | None
    headers: Headers
    headers_sent: bool
    response_length: int | None
    sent: int
    _usual: tuple[str, str] | None = None
    """Status and header lines of an answer that is sent here."""

    def start_response(
        self, status: str, headers: Headers, exc_info: ExcInfo | None = None
    ) -> Callable[[bytes], None]:
        """Take status and headers, as WSGI has it; answers `write`."""
        if self.status is None and self.req.method != "HEAD":
            code = code_of(status)
            lines, length = lines_of(headers)
            if length is not None and length >= 0 and code >= 200 and code not in (204, 304):
                self.status, self.status_code, self.headers = status, code, headers
                self.response_length, self._usual = length, (status, lines)
                return self.write
        elif exc_info is not None and not self.headers_sent:
            # An error instead of what was begun: gunicorn would add its headers to those.
            self._usual, self.headers, self.response_length = None, [], None
        return super().start_response(status, headers, exc_info)  # type: ignore[no-any-return]

    def send_headers(self) -> None:
        """Send the head by itself."""
        if self._usual is None:
            super().send_headers()
        elif not self.headers_sent:
            self._send_with(*self._usual, b"")

    def write(self, data: bytes) -> None:
        """Send a piece of the body, as far as the declared length goes; the head before it."""
        usual = self._usual
        is_small = isinstance(data, bytes) and len(data) <= JOINED_BYTES_MAX
        if usual is None or self.headers_sent or not is_small:
            super().write(data)
        else:
            data = data[: self.response_length]
            self.sent = len(data)
            self._send_with(*usual, data)

    def _send_with(self, status: str, lines: str, data: bytes) -> None:
        lines = connection_line(closes=self.should_close()) + lines
        head = head_of(self.req.version, status, lines)
        self.headers_sent = True  # First: what is cut off in the middle has no second head.
        self.sock.sendall(head + data)
