"""A connection that has been taken over, as the worker that accepted it still sees it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

from motia_actors.web.exchange import TakeOver
from motia_actors.web.transport import SocketTransport


class Taken(asyncio.Protocol):
    """Passes everything on to the protocol that took the connection, and tells of its end.

    All is done on the loop of whoever took it; `begin_close` and `abort` are for any thread.
    """

    def __init__(self, over: TakeOver, ended: Callable[[], None]) -> None:
        self._over, self._ended = over, ended
        self._protocol: Any = None
        self._transport: SocketTransport | None = None

    def serve(self, sock: Any, *, head: bytes, early: bytes) -> None:
        """Begin."""
        try:
            self._protocol = self._over.make()
            SocketTransport(self._over.loop.loop, sock, self, head=head, early=early)
        except BaseException:
            sock.close()
            self._ended()
            raise

    def begin_close(self) -> None:
        """The worker leaves: have the protocol say goodbye, if it has a way to."""
        self._over.loop.call(lambda: getattr(self._protocol, "begin_close", _nothing)())

    def abort(self) -> None:
        """Cut it."""
        self._over.loop.call(self._abort)

    def _abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Pass it on."""
        self._transport = cast("SocketTransport", transport)
        self._protocol.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Pass it on."""
        self._protocol.data_received(data)

    def eof_received(self) -> Any:
        """Pass it on."""
        return self._protocol.eof_received()

    def pause_writing(self) -> None:
        """Pass it on."""
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        """Pass it on."""
        self._protocol.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Pass it on, and count the connection no longer."""
        self._ended()
        self._protocol.connection_lost(exc)


def _nothing() -> None: ...
