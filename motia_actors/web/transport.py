"""An asyncio transport over a connected socket, plain or TLS, that somebody else accepted.

asyncio adopts plain sockets, but no TLS session that is under way; one way serves both, and both
asyncio's loops and the worker's poller.
"""

from __future__ import annotations

import _socket
import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable
from typing import Any, Protocol, cast

from motia_actors.threads import allocate_lock

READ_BYTES_MAX = 64 * 1024
HIGH_BYTES = 64 * 1024
"""Unsent bytes at which the protocol is asked to pause."""
_LATER = (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError)

Call = Callable[[], object]


class Loop(Protocol):
    """What a transport needs of an event loop."""

    def add_reader(self, fd: int, call: Call, /) -> object:
        """Have call called whenever fd can be read."""
        ...

    def remove_reader(self, fd: int, /) -> object:
        """Have it called no more."""
        ...

    def add_writer(self, fd: int, call: Call, /) -> object:
        """Have call called whenever fd can be written."""
        ...

    def remove_writer(self, fd: int, /) -> object:
        """Have it called no more."""
        ...

    def call_soon(self, call: Callable[..., object], /, *args: Any) -> object:
        """Have call called after what is at hand."""
        ...


class SocketTransport(asyncio.Transport):
    """Owns sock, which does not block, from now on; every call is made by the loop.

    Args:
        head: Sent before the protocol hears of the connection.
        early: What the client sent already.
    """

    def __init__(
        self,
        loop: Loop,
        sock: _socket.socket | ssl.SSLSocket,
        protocol: asyncio.Protocol,
        *,
        head: bytes = b"",
        early: bytes = b"",
    ) -> None:
        super().__init__()
        self._loop, self._sock, self._protocol = loop, sock, protocol
        # Through the class: the worker's view of a TLS socket has been made harmless.
        kind: Any = ssl.SSLSocket if isinstance(sock, ssl.SSLSocket) else _socket.socket
        self._kind, self._is_tls = kind, kind is ssl.SSLSocket
        self._recv: Callable[[int], bytes] = kind.recv.__get__(sock)
        self._send: Callable[[Any], int] = kind.send.__get__(sock)
        self._fd: int = kind.fileno(sock)
        self._buffer = bytearray()
        self._guard = allocate_lock()
        """Held by a thread that sends at once: so long the socket is not closed."""
        self._is_closing = self._is_paused = self._is_lost = self._is_deaf = False
        self._is_at_eof = self._is_half_closed = False
        if head:
            self.write(head)
        protocol.connection_made(self)
        if early and not self._is_closing:
            protocol.data_received(early)
        if not (self._is_closing or self._is_deaf):
            loop.add_reader(self._fd, self._readable)
            self._readable()  # TLS may have read more than it gave.

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """`peername`, `sockname` and `sslcontext`."""
        with contextlib.suppress(OSError):  # The client is gone already.
            if name == "peername":
                return self._kind.getpeername(self._sock)
            if name == "sockname":
                return self._kind.getsockname(self._sock)
        if name == "sslcontext" and self._is_tls:
            return cast("ssl.SSLSocket", self._sock).context
        return default

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send data, what does not fit later."""
        if self._is_lost or self._is_closing or self._is_half_closed:
            return
        if not self._buffer:
            sent = self._sent(data)
            if self._is_lost or sent == len(data):
                return
            data = memoryview(data)[sent:]
            self._loop.add_writer(self._fd, self._writable)
        self._buffer += data
        if len(self._buffer) > HIGH_BYTES and not self._is_paused:
            self._is_paused = True
            self._protocol.pause_writing()

    def send_now(self, data: bytes) -> int:
        """Send what goes at once and answer how much; for a thread that is alone in writing.

        Trouble is for the loop to find.
        """
        # TLS keeps one state for both directions, and the loop may be reading.
        if self._is_tls or self._buffer:
            return 0
        with self._guard:
            if self._is_closing or self._is_half_closed:
                return 0
            try:
                return self._send(data)
            except OSError:
                return 0

    def get_write_buffer_size(self) -> int:
        """Unsent bytes."""
        return len(self._buffer)

    def can_write_eof(self) -> bool:
        """TLS has no half of a connection."""
        return not self._is_tls

    def write_eof(self) -> None:
        """Send no more once all was sent, and go on reading."""
        self._is_half_closed = True
        if not self._buffer:
            self._shut()

    def is_closing(self) -> bool:
        """Nothing more can be written."""
        return self._is_closing

    def pause_reading(self) -> None:
        """Leave what the client sends where it is."""
        if not self._is_closing and not self._is_deaf:
            self._is_deaf = True
            self._loop.remove_reader(self._fd)

    def resume_reading(self) -> None:
        """Read on."""
        if not self._is_closing and self._is_deaf:
            self._is_deaf = False
            if not self._is_at_eof:
                self._loop.add_reader(self._fd, self._readable)
                # TLS may have read more than it gave. Not at once: whoever resumes may not be done.
                self._loop.call_soon(self._readable)

    def close(self) -> None:
        """Close once everything was sent."""
        if not self._is_closing:
            self._is_closing = True
            self._loop.remove_reader(self._fd)
            if not self._buffer:
                self._part()

    def abort(self) -> None:
        """Close now."""
        self._lose(None)

    def detach(self) -> tuple[_socket.socket | ssl.SSLSocket, bytes]:
        """Let go of the socket, and say what was not sent; the protocol hears no more of it."""
        unsent = bytes(self._buffer)
        self._let_go()
        return self._sock, unsent

    def _readable(self) -> None:
        while not (self._is_closing or self._is_deaf or self._is_at_eof):
            try:
                data = self._recv(READ_BYTES_MAX)
            except _LATER:
                return
            except OSError as error:
                self._lose(error)
                return
            if not data:
                self._is_at_eof = True
                self._loop.remove_reader(self._fd)
                if not self._protocol.eof_received() or self._is_tls:
                    self.close()
                return
            self._protocol.data_received(data)
            if not self._is_tls or not self._kind.pending(self._sock):
                return  # The loop comes back; only what TLS keeps back must be taken here.

    def _writable(self) -> None:
        sent = self._sent(self._buffer)
        if self._is_lost:
            return
        del self._buffer[:sent]
        if not self._buffer:
            self._loop.remove_writer(self._fd)
            if self._is_closing:
                self._part()
                return
            if self._is_half_closed:
                self._shut()
        if self._is_paused and len(self._buffer) <= HIGH_BYTES // 4:
            self._is_paused = False
            self._protocol.resume_writing()

    def _sent(self, data: bytes | bytearray | memoryview) -> int:
        try:
            if self._is_tls or data.__class__ is bytearray:
                # A copy: a TLS write that is repeated must not see its bytes moved, and a buffer
                # that is sent cannot grow.
                data = bytes(data[:READ_BYTES_MAX])
            return self._send(data)
        except _LATER:
            return 0
        except OSError as error:
            self._lose(error)
            return 0

    def _shut(self) -> None:
        with contextlib.suppress(OSError):  # The client is gone.
            self._kind.shutdown(self._sock, socket.SHUT_WR)

    def _part(self) -> None:
        """Close in order: TLS tells the other side, so that it can trust the end."""
        if self._is_tls:
            with contextlib.suppress(OSError, ValueError):
                self._kind.unwrap(self._sock)
        self._lose(None)

    def _let_go(self) -> None:
        with self._guard:
            self._is_lost = self._is_closing = True
        self._buffer.clear()
        self._loop.remove_reader(self._fd)
        self._loop.remove_writer(self._fd)

    def _lose(self, error: Exception | None) -> None:
        if not self._is_lost:
            self._let_go()
            self._loop.call_soon(self._ended, error)

    def _ended(self, error: Exception | None) -> None:
        try:
            self._protocol.connection_lost(error)
        finally:
            self._kind.close(self._sock)
