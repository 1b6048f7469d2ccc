"""Take a connection out of the worker that accepted it, and serve it on an event loop.

Our own worker offers that itself. gunicorn's go on to use the socket after the response, so it is
swapped for a dead one in the response's `close`, the one moment at which the head is on the wire,
written and logged by gunicorn, and the connection still untouched.
"""

from __future__ import annotations

import _socket
import asyncio
import os
import socket
import ssl
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from motia_actors.web.loop import LoopThread
from motia_actors.web.transport import SocketTransport

Make = Callable[[], asyncio.Protocol]
Headers = list[tuple[str, str]]

OFFER = "motia_actors.take_over"
"""Key of the environment under which a worker offers to hand a connection over itself."""


def can_take_over(environ: dict[str, Any]) -> bool:
    """The connection is this request's alone, and the server lets go of it."""
    if OFFER in environ:
        return True
    return "gunicorn.socket" in environ and environ.get("SERVER_PROTOCOL") == "HTTP/1.1"


def take_over(
    environ: dict[str, Any],
    start_response: Any,
    status: str,
    headers: Headers,
    make: Make,
    *,
    loop: LoopThread,
) -> Iterable[bytes]:
    """Answer with this head, then have the protocol that make answers serve the connection.

    make is called on the loop's thread; it serves the connection from then on.
    """
    offer = environ.get(OFFER)
    if offer is not None:
        offer(status, headers, make, loop)
        return ()
    start_response(status, headers)
    response = getattr(start_response, "__self__", None)
    if response is not None:
        # What follows is the new protocol's, which ends with the connection and knows no chunks.
        response.chunked = False
        response.force_close()
    return _HandOver(environ["gunicorn.socket"], response, make, loop)


class _HandOver:
    """A response without a body, whose `close` moves the connection."""

    def __init__(self, sock: socket.socket, response: Any, make: Make, loop: LoopThread) -> None:
        self._sock, self._make, self._loop = sock, make, loop
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        return iter(())

    def close(self) -> None:
        """Take the socket; gunicorn calls this when the head is sent."""
        early = b""
        if self._response is not None:
            if not self._response.headers_sent:
                return  # The client went away.
            unreader = getattr(self._response.req, "unreader", None)
            if unreader is not None:
                early = unreader.take_buffered()
        sock, make = _taken(self._sock), self._make
        self._loop.call(lambda: SocketTransport(self._loop.loop, sock, make(), early=early))


def _taken(sock: socket.socket) -> _socket.socket | ssl.SSLSocket:
    """The connection, non-blocking; what the worker still holds can do it no harm."""
    if isinstance(sock, ssl.SSLSocket):
        # A TLS session is bound to the number of its socket and to its object: neither can be
        # swapped below the worker, so the object itself is made harmless to it.
        ssl.SSLSocket.setblocking(sock, False)
        sock.__class__ = _ReleasedTls
        return sock
    ours = _socket.socket(fileno=os.dup(sock.fileno()))
    ours.setblocking(False)
    # Half of a pair whose other half is gone: at its end for a reader, closed for a writer.
    dead, other = _socket.socketpair()
    other.close()
    os.dup2(dead.fileno(), sock.fileno(), inheritable=False)
    dead.close()
    return ours


class _ReleasedTls(ssl.SSLSocket):
    """What the worker's reference to a TLS socket becomes: every operation does nothing."""

    def shutdown(self, how: int) -> None: ...
    def close(self) -> None: ...
    def setblocking(self, flag: bool) -> None: ...
    def settimeout(self, value: float | None) -> None: ...

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:  # noqa: ARG002
        return b""

    def unwrap(self) -> socket.socket:
        return self
