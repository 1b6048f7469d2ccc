"""One client's connection at the poller: reads complete requests, writes their answers.

One request at a time is with a thread; what the client sends meanwhile is kept up to a limit and
read no further. Slow clients cost a buffer each, never a thread, and each phase has its deadline:

    waiting   nothing of the next request has come    keepalive, then closed without a word
    head      some of it has                          HEAD_S_MAX, then 408
    body      the head is there                       BODY_S and the least rate, then 408
    busy      a thread answers                        the step's own
    writing   the client does not read                WRITE_S_MAX without a byte, then cut
    closing   refused; what still comes is dropped    LINGER_S, so that the client can read why
"""

from __future__ import annotations

import asyncio
import io
import tempfile
from typing import TYPE_CHECKING, BinaryIO, cast

from motia_actors.web.environ import base_of, environ_of
from motia_actors.web.exchange import Exchange
from motia_actors.web.heads import Head, HeadReader, status_of
from motia_actors.web.taken import Taken

if TYPE_CHECKING:
    from motia_actors.web.service import Service
    from motia_actors.web.transport import SocketTransport

HEAD_S_MAX = 10.0
BODY_S = 10.0
"""For a body of any size; each BODY_BYTES_PER_S_MIN that came add a second."""
BODY_BYTES_PER_S_MIN = 4096
WRITE_S_MAX = 30.0
LINGER_S = 2.0
AHEAD_BYTES_MAX = 65536
"""So much is read ahead of the answer to the request before it."""
SPOOL_BYTES = 1 << 20
"""A body over it goes to a file."""

WAITING, HEAD, BODY, BUSY, CLOSING, TAKEN = range(6)

_TEXTS = {
    "400 Bad Request": "Malformed request",
    "408 Request Timeout": "The request took too long to arrive",
    "413 Content Too Large": "Request body is too large",
    "414 URI Too Long": "The request line is too long",
    "431 Request Header Fields Too Large": "The headers are too large",
    "503 Service Unavailable": "The server cannot take the request now",
    "504 Gateway Timeout": "The step did not answer in time",
}


def refusal(status: str, *, retry_after_s: int = 0) -> bytes:
    """An answer in JSON that ends the connection."""
    body = b'{"error":"%b"}' % _TEXTS.get(status, status[4:]).encode()
    after = f"Retry-After: {retry_after_s}\r\n" if retry_after_s else ""
    return (
        f"HTTP/1.1 {status}\r\nContent-Type: application/json; charset=utf-8\r\n{after}"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    ).encode() + body


class Connection(asyncio.Protocol):
    """Speaks HTTP/1 with one client; every call is the poller's."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._buffer = bytearray()
        self._phase = WAITING
        self._exchange: Exchange | None = None
        self._head: Head | None = None
        self._body: BinaryIO | None = None
        self._body_size = 0
        self._begun_s = 0.0
        self._is_reading = True
        self._is_full = self.is_at_eof = False
        self._unsent = 0
        self.due_s = 0.0
        """When something must have happened; the service looks now and then."""
        self.address = ""
        self._taken: Taken | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client connected, and its handshake is done where there is one."""
        self._transport = cast("SocketTransport", transport)
        peer, own = transport.get_extra_info("peername"), transport.get_extra_info("sockname")
        peer = tuple(peer[:2]) if isinstance(peer, tuple) else peer or ""
        self.address = peer[0] if isinstance(peer, tuple) else ""
        self.due_s = self._service.now_s() + HEAD_S_MAX
        self._base = base_of(self._service.cfg, peer=peer, own=own)
        self._heads = HeadReader(self._service.cfg, peer)
        if not self._service.admit(self):
            self._refuse("503 Service Unavailable", retry_after_s=1)

    def connection_lost(self, _exc: Exception | None) -> None:
        """The client is gone, or we closed."""
        self._service.forget(self)
        if self._exchange is not None:
            self._exchange.is_cut = True
            self._give_room()
            if self._exchange.on_cut is not None:
                self._exchange.on_cut()
        if self._body is not None:
            self._body.close()
        self._exchange = self._body = None
        self._phase = CLOSING
        self._buffer.clear()

    def eof_received(self) -> bool:
        """The client has said all; it may still read the answer to it."""
        self.is_at_eof = True
        if self._exchange is not None and self._exchange.on_eof is not None:
            self._exchange.on_eof()
        return self._phase == BUSY and not self._transport.get_extra_info("sslcontext")

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        if self._phase == CLOSING:
            return
        self._buffer += data
        if self._phase != BUSY:
            self._advance()
        elif len(self._buffer) > AHEAD_BYTES_MAX:
            self._pause_reading()

    def _advance(self) -> None:
        try:
            if self._phase <= HEAD:
                self._read_head()
            if self._phase == BODY:
                self._read_body()
        # gunicorn has a class for each way to be malformed, and no base that they share.
        except Exception as error:  # noqa: BLE001
            self._service.log.warning("Invalid request from ip=%s: %s", self.address, error)
            self._refuse(status_of(error))

    def _read_head(self) -> None:
        head = self._heads.read(self._buffer)
        if head is None:
            if self._phase == WAITING and self._buffer:
                self._phase, self.due_s = HEAD, self._service.now_s() + HEAD_S_MAX
            return
        if head.length > self._service.body_bytes_max and self._is_too_large(head, head.length):
            self._refuse("413 Content Too Large")
            return
        self._head, self._phase, self._body_size = head, BODY, 0
        if head.length == 0 and head.chunks is None:
            return
        self._begun_s = self._service.now_s()
        self.due_s = self._begun_s + BODY_S
        if head.is_continue_expected and not self._buffer:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _read_body(self) -> None:
        head, buffer = self._head, self._buffer
        assert head is not None
        if head.chunks is not None:
            data, is_complete = head.chunks.feed(buffer), head.chunks.is_complete
        else:
            data = bytes(buffer[: head.length - self._body_size])
            del buffer[: len(data)]
            is_complete = self._body_size + len(data) == head.length
        self._body_size += len(data)
        if self._body_size > self._service.body_bytes_max and self._is_too_large(
            head, self._body_size
        ):
            self._refuse("413 Content Too Large")
        elif not is_complete:
            self._keep(data)
            self.due_s = self._begun_s + BODY_S + self._body_size / BODY_BYTES_PER_S_MIN
        else:
            head.check_trailers()
            if self._body is None:
                body: BinaryIO = io.BytesIO(data)
            else:
                self._body.write(data)
                self._body.seek(0)
                body = self._body
            self._body = None
            self._hand_on(head, body)

    def _is_too_large(self, head: Head, size: int) -> bool:
        """Whether a body over the usual limit is over that of its kind."""
        is_form = any(
            name == "CONTENT-TYPE" and value[:19].lower() == "multipart/form-data"
            for name, value in head.headers
        )
        return not is_form or size > self._service.upload_bytes_max

    def _keep(self, data: bytes) -> None:
        if self._body is None:
            spooled = tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES)  # noqa: SIM115
            self._body = cast("BinaryIO", spooled)
        self._body.write(data)

    def _hand_on(self, head: Head, body: BinaryIO) -> None:
        environ = environ_of(self._base, head, body, self._body_size)
        exchange = Exchange(self._service, self, head, environ, self._body_size)
        self._head, self._exchange, self._phase = None, exchange, BUSY
        if not self._service.give_nowait(exchange):
            self._exchange = None
            self._refuse("503 Service Unavailable", retry_after_s=1)

    def send_now(self, data: bytes) -> int:
        """Send as much of an answer as goes at once; for the thread that has made it."""
        return self._transport.send_now(data)

    def has_more(self, exchange: Exchange) -> bool:
        """Something is to be done once the exchange is over; any thread calls.

        What comes later wakes the poller by itself.
        """
        return bool(
            self._buffer or self.is_at_eof or not exchange.keeps_alive or self._service.is_leaving
        )

    def answer(self, exchange: Exchange, data: bytes, *, is_end: bool) -> None:
        """Write what a thread has made of an answer."""
        if exchange is not self._exchange:
            # Its thread may wait for a client that is gone: it learns so at its next piece.
            exchange.is_cut = True
            if exchange.room is not None:
                exchange.room.set()
            return
        if exchange.take_over is not None and is_end:
            self._hand_over(exchange)
            return
        if data:
            self._transport.write(data)
        if not is_end:
            if not self._is_full:
                self._give_room()
            return
        self._exchange = None
        if not exchange.keeps_alive:
            self._close()
            return
        self._phase = WAITING
        self._go_on()

    def _go_on(self) -> None:
        """Take the next request, if the client has read enough of what it asked for before."""
        is_last = (self._service.is_leaving or self.is_at_eof) and not self._buffer
        if is_last and self._phase == WAITING:
            self._close()
            return
        if self._is_full:
            return
        if self._phase == WAITING:
            self.due_s = self._service.now_s() + self._service.cfg.keepalive
            if self._buffer:
                self._advance()
        if self._phase != BUSY and not self._is_full:
            self._resume_reading()

    def desert(self, exchange: Exchange) -> None:
        """Answer in the place of a handler that hangs."""
        if exchange is self._exchange:
            self._exchange = None
            if exchange.room is None:
                self._refuse("504 Gateway Timeout")
            else:
                self._transport.abort()

    def _hand_over(self, exchange: Exchange) -> None:
        over = exchange.take_over
        assert over is not None
        sock, unsent = self._transport.detach()
        head, early = unsent + exchange.take_over_head(), bytes(self._buffer)
        self._exchange, self._phase = None, TAKEN
        self._buffer.clear()
        taken = self._taken = Taken(over, self._ended)
        over.loop.call(lambda: taken.serve(sock, head=head, early=early))

    def _ended(self) -> None:
        """Whoever took the connection over is done with it; any thread calls."""
        self._service.poller.call_soon_threadsafe(lambda: self.connection_lost(None))

    def pause_writing(self) -> None:
        """The client reads more slowly than we write."""
        self._is_full, self._unsent = True, self._transport.get_write_buffer_size()
        self.due_s = self._service.now_s() + WRITE_S_MAX
        # Neither is more taken of a client that does not take what it asked for.
        self._pause_reading()

    def resume_writing(self) -> None:
        """It has caught up."""
        self._is_full = False
        self._give_room()
        self._go_on()

    def _give_room(self) -> None:
        if self._exchange is not None and self._exchange.room is not None:
            self._exchange.room.set()

    def _pause_reading(self) -> None:
        if self._is_reading and not self._transport.is_closing():
            self._is_reading = False
            self._transport.pause_reading()

    def _resume_reading(self) -> None:
        if not self._is_reading and not self._transport.is_closing():
            self._is_reading = True
            self._transport.resume_reading()

    def check(self, now_s: float) -> None:
        """See whether something took too long."""
        if self._phase == TAKEN:
            return
        if self._is_full:
            unsent = self._transport.get_write_buffer_size()
            if unsent < self._unsent:
                self._unsent, self.due_s = unsent, now_s + WRITE_S_MAX
            elif now_s >= self.due_s:
                self._transport.abort()
        elif self._phase == BUSY or now_s < self.due_s:
            return
        elif self._phase in (HEAD, BODY):
            self._refuse("408 Request Timeout")
        elif self._transport.is_closing() or self._phase == CLOSING:
            self._transport.abort()
        else:
            self._close()

    def begin_leave(self, due_s: float) -> None:
        """The worker leaves: end with the request in hand, or at due_s without one."""
        if self._phase == WAITING and not self._is_full:
            self.due_s = min(self.due_s, due_s)
        elif self._taken is not None:
            self._taken.begin_close()

    def abort(self) -> None:
        """Cut it."""
        if self._taken is not None:
            self._taken.abort()
        else:
            self._transport.abort()

    def _close(self) -> None:
        self._phase, self.due_s = CLOSING, self._service.now_s() + WRITE_S_MAX
        self._transport.close()

    def _refuse(self, status: str, *, retry_after_s: int = 0) -> None:
        """Say why, then close once the client has had the time to read it."""
        self._phase, self.due_s = CLOSING, self._service.now_s() + LINGER_S
        self._buffer.clear()
        self._transport.write(refusal(status, retry_after_s=retry_after_s))
        if self._transport.can_write_eof():
            # Closing at once, with bytes unread, would take the answer back as a reset.
            self._transport.write_eof()
            self._resume_reading()
        else:
            self._transport.close()
