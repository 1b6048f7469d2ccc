"""One WebSocket: frames in, messages out, and a bound on what a slow reader may cost.

The protocol itself is the sans-I/O part of `websockets`. Text that goes to many is framed once
and shared; it bypasses that library, since a server's unfragmented frames keep no state.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Protocol, cast

import msgspec
from websockets.datastructures import Headers
from websockets.exceptions import InvalidState
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

PING_S = 20.0
CLOSE_S_MAX = 5.0
"""How long the other side may take to answer a close."""


class SocketLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of one socket, in bytes."""

    message_bytes_max: int = 64 * 1024
    queue_bytes_max: int = 4 * 1024 * 1024


class Listener(Protocol):
    """Whoever a socket is served for. Called on the loop's thread."""

    def on_message(self, text: str) -> None:
        """Take a whole text message."""
        ...

    def on_close(self) -> None:
        """The socket is gone; called once."""
        ...


def handshake(environ: dict[str, str]) -> tuple[str, list[tuple[str, str]], bytes]:
    """The answer to an upgrade request: status line, headers, and a body where it is refused."""
    fields = {
        name[5:].replace("_", "-"): value
        for name, value in environ.items()
        if name.startswith("HTTP_") and isinstance(value, str)
    }
    protocol = ServerProtocol(select_subprotocol=_first)
    response = protocol.accept(Request(environ.get("RAW_URI", "/"), Headers(fields)))
    headers = [
        (name, value)
        for name, value in response.headers.raw_items()
        if name.lower() not in ("date", "connection" if response.status_code != 101 else "")
    ]
    return f"{response.status_code} {response.reason_phrase}", headers, bytes(response.body or b"")


def _first(_: ServerProtocol, offered: object) -> Subprotocol | None:
    # A browser sends its token as a second one, and needs the first one back.
    names = cast("list[Subprotocol]", offered)
    return names[0] if names else None


def text_frame(payload: bytes) -> bytes:
    """One whole text frame, for any number of sockets."""
    return Frame(Opcode.TEXT, payload).serialize(mask=False)


class WebSocket(asyncio.Protocol):
    """One connection after its handshake; all calls are made on the loop's thread."""

    def __init__(
        self,
        listen: Callable[[WebSocket], Listener],
        loop: asyncio.AbstractEventLoop,
        limits: SocketLimits,
    ) -> None:
        self._loop, self._limits = loop, limits
        self._frames = ServerProtocol(state=State.OPEN, max_size=limits.message_bytes_max)
        self._parts: list[bytes] = []
        self._queue: OrderedDict[Hashable, bytes] = OrderedDict()
        self._queue_bytes = self._count = 0
        self._is_paused = self._is_ended = False
        self._is_alive = True
        self._timer: asyncio.TimerHandle | None = None
        self._listener = listen(self)

    @property
    def is_open(self) -> bool:
        """Messages can be sent."""
        return not self._is_ended and self._frames.state is State.OPEN

    def send(self, frame: bytes, *, key: Hashable = None) -> None:
        """Send a frame of text_frame, after those before it.

        While the reader is slow, one with a key takes the place of an unsent one with that key.
        Past the limit the socket is closed with 1013.
        """
        if not self.is_open:
            return
        if not self._is_paused:
            self._transport.write(frame)
            return
        if key is None:
            self._count += 1
            key = self._count
        self._queue_bytes += len(frame) - len(self._queue.pop(key, b""))
        self._queue[key] = frame
        if self._queue_bytes > self._limits.queue_bytes_max:
            self._clear()
            self.close(CloseCode.TRY_AGAIN_LATER, "too slow")

    def close(self, code: int, reason: str = "") -> None:
        """Say goodbye, and hang up where that is not answered in time."""
        if not self.is_open:
            return
        self._frames.send_close(code, reason)
        self._flush()
        self._restart_timer(CLOSE_S_MAX, self._transport.abort)

    def begin_close(self) -> None:
        """The process leaves: clients should connect again, to another."""
        self.close(CloseCode.GOING_AWAY, "the server restarts")

    # asyncio's side.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Serve this connection."""
        self._transport = cast("asyncio.Transport", transport)
        self._restart_timer(PING_S, self._ping)

    def data_received(self, data: bytes) -> None:
        """Take bytes of the client."""
        self._is_alive = True
        self._frames.receive_data(data)
        for event in self._frames.events_received():
            if isinstance(event, Frame):
                self._on_frame(event)
        self._flush()

    def eof_received(self) -> None:
        """The client sends no more."""
        if not self._is_ended:
            self._frames.receive_eof()
            self._flush()

    def pause_writing(self) -> None:
        """The client does not keep up."""
        self._is_paused = True

    def resume_writing(self) -> None:
        """It caught up: send what waits, as far as it goes."""
        self._is_paused = False
        while self._queue and not self._is_paused:
            _, frame = self._queue.popitem(last=False)
            self._queue_bytes -= len(frame)
            self._transport.write(frame)

    def connection_lost(self, _error: Exception | None) -> None:
        """The connection is gone."""
        if not self._is_ended:
            self._is_ended = True
            if self._timer is not None:
                self._timer.cancel()
            self._clear()
            self._listener.on_close()

    # Helpers.

    def _on_frame(self, frame: Frame) -> None:
        if frame.opcode == Opcode.BINARY:
            self.close(CloseCode.UNSUPPORTED_DATA, "text only")
        elif frame.opcode in (Opcode.TEXT, Opcode.CONT) and self.is_open:
            self._parts.append(bytes(frame.data))
            if frame.fin:
                message, self._parts = b"".join(self._parts), []
                try:
                    text = message.decode()
                except UnicodeDecodeError:
                    self.close(CloseCode.INVALID_DATA, "not UTF-8")
                    return
                self._listener.on_message(text)

    def _flush(self) -> None:
        """Send what the protocol itself has to say."""
        for data in self._frames.data_to_send():
            if data:
                self._transport.write(data)
            else:
                self._transport.close()
        if self._frames.close_expected() and self._frames.state is State.CLOSING:
            self._restart_timer(CLOSE_S_MAX, self._transport.abort)

    def _ping(self) -> None:
        if not self._is_alive:
            self._transport.abort()
            return
        self._is_alive = False
        try:
            self._frames.send_ping(b"")
        except InvalidState:
            return
        self._flush()
        self._restart_timer(PING_S, self._ping)

    def _restart_timer(self, after_s: float, call: Callable[[], object]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(after_s, call)

    def _clear(self) -> None:
        self._queue.clear()
        self._queue_bytes = 0
