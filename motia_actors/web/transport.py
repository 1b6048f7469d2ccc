"""An asyncio transport over a connected socket, plain or TLS, that somebody else accepted.

asyncio adopts plain sockets, but no TLS session that is under way; one way serves both.
"""

from __future__ import annotations

import _socket
import asyncio
import ssl
from typing import Any

READ_BYTES_MAX = 64 * 1024
HIGH_BYTES = 64 * 1024
"""Unsent bytes at which the protocol is asked to pause."""
_LATER = (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class SocketTransport(asyncio.Transport):
    """Owns sock from now on; every call is made on the loop's thread."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sock: _socket.socket | ssl.SSLSocket,
        protocol: asyncio.Protocol,
        *,
        early: bytes = b"",
    ) -> None:
        super().__init__()
        self._loop, self._sock, self._protocol = loop, sock, protocol
        # Through the class: the worker's view of a TLS socket has been made harmless.
        self._kind: Any = ssl.SSLSocket if isinstance(sock, ssl.SSLSocket) else _socket.socket
        self._fd: int = self._kind.fileno(sock)
        self._buffer = bytearray()
        self._is_closing = self._is_paused = self._is_lost = self._is_deaf = False
        protocol.connection_made(self)
        if early and not self._is_closing:
            protocol.data_received(early)
        if not (self._is_closing or self._is_deaf):
            loop.add_reader(self._fd, self._readable)
            self._readable()  # TLS may have read more than it gave.

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send data, what does not fit later."""
        if self._is_lost or self._is_closing:
            return
        if not self._buffer:
            data = memoryview(data)[self._send(data) :]
            if self._is_lost or not data:
                return
            self._loop.add_writer(self._fd, self._writable)
        self._buffer += data
        if len(self._buffer) > HIGH_BYTES and not self._is_paused:
            self._is_paused = True
            self._protocol.pause_writing()

    def get_write_buffer_size(self) -> int:
        """Unsent bytes."""
        return len(self._buffer)

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
            self._loop.add_reader(self._fd, self._readable)
            # TLS may have read more than it gave. Not at once: whoever resumes may not be done.
            self._loop.call_soon(self._readable)

    def close(self) -> None:
        """Close once everything was sent."""
        if not self._is_closing:
            self._is_closing = True
            self._loop.remove_reader(self._fd)
            if not self._buffer:
                self._lose(None)

    def abort(self) -> None:
        """Close now."""
        self._lose(None)

    def _readable(self) -> None:
        while not (self._is_closing or self._is_deaf):
            try:
                data = self._kind.recv(self._sock, READ_BYTES_MAX)
            except _LATER:
                return
            except OSError as error:
                self._lose(error)
                return
            if not data:
                self._protocol.eof_received()
                self.close()
                return
            self._protocol.data_received(data)
            if self._kind is _socket.socket or not self._kind.pending(self._sock):
                return  # The loop comes back; only what TLS keeps back must be taken here.

    def _writable(self) -> None:
        sent = self._send(self._buffer)
        if self._is_lost:
            return
        del self._buffer[:sent]
        if not self._buffer:
            self._loop.remove_writer(self._fd)
            if self._is_closing:
                self._lose(None)
                return
        if self._is_paused and len(self._buffer) <= HIGH_BYTES // 4:
            self._is_paused = False
            self._protocol.resume_writing()

    def _send(self, data: bytes | bytearray | memoryview) -> int:
        try:
            # A copy: a TLS write that is repeated must not see its bytes moved.
            return int(self._kind.send(self._sock, bytes(data[:READ_BYTES_MAX])))
        except _LATER:
            return 0
        except OSError as error:
            self._lose(error)
            return 0

    def _lose(self, error: Exception | None) -> None:
        if self._is_lost:
            return
        self._is_lost = self._is_closing = True
        self._buffer.clear()
        self._loop.remove_reader(self._fd)
        self._loop.remove_writer(self._fd)
        self._loop.call_soon(self._ended, error)

    def _ended(self, error: Exception | None) -> None:
        try:
            self._protocol.connection_lost(error)
        finally:
            self._kind.close(self._sock)
