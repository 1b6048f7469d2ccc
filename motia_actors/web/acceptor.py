"""Accepts connections for a poller, and does the handshake of those with TLS."""

from __future__ import annotations

import contextlib
import errno
import logging
import socket
import ssl
import time
from collections.abc import Callable

from motia_actors.web.poller import Poller

logger = logging.getLogger(__name__)

ACCEPT_MAX = 64
"""Connections taken at a time; those that are served wait meanwhile."""
SHARE_S = 0.001
"""So long a worker leaves what comes to the others after it has taken some."""
REST_S = 1.0
"""So long it leaves those that come where they are, when the process has no room for them."""
HANDSHAKE_S_MAX = 10.0
HANDSHAKES_MAX = 256
"""At a time; more, and the one that has waited longest ends. Else who never shakes hands, and so
is no connection that counts, could take all files that the process may open.
"""

_NO_ROOM = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)

Serve = Callable[[socket.socket], object]


class Acceptor:
    """Takes what comes at one listening socket; all calls are the poller's.

    Args:
        serve: Called with each connected socket, which does not block.
        context: Of TLS; None: none.
        is_shared: Other workers take from this socket, too. The first to wake would have all that
            come at a time, and they are kept for long: so it takes one, leaves the rest to the
            others for a moment, and then twice as many each time.
    """

    def __init__(
        self,
        poller: Poller,
        listener: socket.socket,
        serve: Serve,
        *,
        context: ssl.SSLContext | None,
        is_shared: bool,
    ) -> None:
        self._poller, self._listener, self._serve, self._context = poller, listener, serve, context
        self._handshakes: dict[_Handshake, None] = {}  # The oldest first.
        self._is_shared, self._take_max, self._resumed_s = is_shared, ACCEPT_MAX, 0.0
        self._is_closed = False
        listener.setblocking(False)
        poller.add_reader(listener.fileno(), self._accept)

    def close(self) -> None:
        """Take no more."""
        self._is_closed = True
        self._poller.remove_reader(self._listener.fileno())
        for handshake in list(self._handshakes):
            handshake.end()
        self._listener.close()

    def _accept(self) -> None:
        if self._is_shared:
            is_more = time.monotonic() - self._resumed_s < 2 * SHARE_S
            self._take_max = min(2 * self._take_max, ACCEPT_MAX) if is_more else 1
        for _ in range(self._take_max):
            try:
                sock, _address = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in _NO_ROOM:
                    raise
                logger.warning("no room for a connection: %s", error)
                self._rest(REST_S)
                return
            self._take(sock)
        if self._is_shared:
            self._rest(SHARE_S)

    def _rest(self, rest_s: float) -> None:
        self._poller.remove_reader(self._listener.fileno())
        self._poller.call_later(rest_s, self._resume)

    def _resume(self) -> None:
        if not self._is_closed:
            self._resumed_s = time.monotonic()
            self._poller.add_reader(self._listener.fileno(), self._accept)

    def _take(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        if sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._context is None:
            self._serve(sock)
            return
        try:
            secure = self._context.wrap_socket(
                sock, server_side=True, do_handshake_on_connect=False
            )
        except OSError:  # The client is gone already.
            sock.close()
            return
        if len(self._handshakes) >= HANDSHAKES_MAX:
            next(iter(self._handshakes)).end()
        self._handshakes[_Handshake(self._poller, secure, self._shaken)] = None

    def _shaken(self, handshake: _Handshake, *, is_done: bool) -> None:
        self._handshakes.pop(handshake, None)
        if is_done:
            self._serve(handshake.sock)


class _Handshake:
    """One of TLS, as far as the client has come."""

    def __init__(self, poller: Poller, sock: ssl.SSLSocket, then: Callable[..., object]) -> None:
        self.sock = sock
        self._poller, self._then, self._fd = poller, then, sock.fileno()
        self._is_ended = False
        self._timer = poller.call_later(HANDSHAKE_S_MAX, self.end)
        poller.add_reader(self._fd, self._step)

    def _step(self) -> None:
        try:
            self.sock.do_handshake()
        except ssl.SSLWantReadError:
            self._poller.remove_writer(self._fd)
        except ssl.SSLWantWriteError:
            self._poller.add_writer(self._fd, self._step)
        except (OSError, ValueError):  # Not TLS, or not ours: its own fault, and no news.
            self.end()
        else:
            self._leave()
            self._then(self, is_done=True)

    def end(self) -> None:
        """Hang up."""
        if not self._is_ended:
            self._leave()
            with contextlib.suppress(OSError):
                self.sock.close()
            self._then(self, is_done=False)

    def _leave(self) -> None:
        self._is_ended = True
        self._timer.cancel()
        self._poller.remove_reader(self._fd)
        self._poller.remove_writer(self._fd)
