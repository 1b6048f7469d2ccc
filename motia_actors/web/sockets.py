"""One WebSocket: frames in, messages out, and a bound on what a slow reader may cost.

The protocol itself is the sans-I/O part of `websockets`. Text that goes to many is framed once
and shared; it bypasses that library, since a server's unfragmented frames keep no state.
"""

from __future__ import annotations

import asyncio
import time
import zlib
from collections.abc import Callable, Hashable, Sequence
from typing import Protocol, cast

import msgspec
from websockets.datastructures import Headers
from websockets.exceptions import InvalidState
from websockets.extensions import Extension
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from motia_actors.web.outbox import Outbox

PING_S = 20.0
CLOSE_S_MAX = 5.0
"""How long the other side may take to answer a close."""
FRAGMENTS_MAX = 1024
"""Of one message: empty ones cost too."""
FRAMES_AT_ONCE_MAX = 4_000
FRAMES_PER_S_MAX = 500
"""Of one client, whatever they hold: so many at once, and filled up again at this rate."""
READ_BYTES = 16 * 1024
"""Frames are read from pieces of this size, so that a flood is seen before all of it is read."""
DEFLATED_BYTES_MIN = 1024
"""Smaller messages are sent as they are: they would gain little and cost as much."""
WINDOW_BITS = 15
DEFLATED_BIT = 0x40
"""RSV1, which the library sets for its own extension objects alone."""

# No context is kept between messages: so one deflated frame serves all sockets, and a socket
# costs no memory for it.
_deflate = ServerPerMessageDeflateFactory(
    server_no_context_takeover=True, client_no_context_takeover=True
)


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


class Handshake(msgspec.Struct, frozen=True):
    """The answer to an upgrade request: status line, headers, a body where it is refused."""

    status: str
    headers: list[tuple[str, str]]
    body: bytes
    extensions: Sequence[Extension]

    @property
    def is_accepted(self) -> bool:
        """A WebSocket follows."""
        return self.status.startswith("101")


def is_upgrade(environ: dict[str, str]) -> bool:
    """It asks for a WebSocket, with a method and version that can have one."""
    return (
        environ.get("HTTP_UPGRADE", "").lower() == "websocket"
        and environ["REQUEST_METHOD"] == "GET"
        and environ["SERVER_PROTOCOL"] == "HTTP/1.1"
    )


def handshake(environ: dict[str, str]) -> Handshake:
    """Answer an upgrade request, as far as the protocol goes."""
    fields = {
        name[5:].replace("_", "-"): value
        for name, value in environ.items()
        if name.startswith("HTTP_") and isinstance(value, str)
    }
    protocol = ServerProtocol(select_subprotocol=_first, extensions=[_deflate])
    response = protocol.accept(Request(environ.get("RAW_URI", "/"), Headers(fields)))
    headers = [
        (name, value)
        for name, value in response.headers.raw_items()
        if name.lower() not in ("date", "connection" if response.status_code != 101 else "")
    ]
    return Handshake(
        status=f"{response.status_code} {response.reason_phrase}",
        headers=headers,
        body=bytes(response.body or b""),
        extensions=protocol.extensions,
    )


def _first(_: ServerProtocol, offered: object) -> Subprotocol | None:
    # A browser sends its token as a second one, and needs the first one back.
    names = cast("list[Subprotocol]", offered)
    return names[0] if names else None


def text_frame(payload: bytes) -> bytes:
    """One whole text frame, for any number of sockets."""
    return Frame(Opcode.TEXT, payload).serialize(mask=False)


def deflated_frame(payload: bytes) -> bytes:
    """The same deflated, for any number of sockets that deflate."""
    if len(payload) < DEFLATED_BYTES_MIN:
        return text_frame(payload)
    deflate = zlib.compressobj(level=1, wbits=-WINDOW_BITS)
    data = deflate.compress(payload) + deflate.flush(zlib.Z_SYNC_FLUSH)
    # RFC 7692, 7.2.1: the empty block that a flush ends with is left out.
    frame = bytearray(text_frame(data[:-4]))
    frame[0] |= DEFLATED_BIT
    return bytes(frame)


class WebSocket(asyncio.Protocol):
    """One connection after its handshake; all calls are made on the loop's thread."""

    def __init__(
        self,
        listen: Callable[[WebSocket], Listener],
        loop: asyncio.AbstractEventLoop,
        limits: SocketLimits,
        *,
        extensions: Sequence[Extension] = (),
    ) -> None:
        self._loop, self._limits = loop, limits
        self._frames = ServerProtocol(state=State.OPEN, max_size=limits.message_bytes_max)
        self._frames.extensions = list(extensions)
        self.is_deflating = any(
            getattr(one, "local_max_window_bits", 0) == WINDOW_BITS for one in extensions
        )
        """What is sent may be deflated."""
        self._parts: list[bytes] = []
        self._is_ended = self._is_flooded = False
        self._frames_left, self._filled_s = float(FRAMES_AT_ONCE_MAX), time.monotonic()
        self._is_alive = True
        self._timer: asyncio.TimerHandle | None = None
        self._listener = listen(self)

    @property
    def is_open(self) -> bool:
        """Messages can be sent."""
        return not self._is_ended and self._frames.state is State.OPEN

    def send(self, frame: bytes, *, key: Hashable = None) -> None:
        """Send a frame of text_frame or deflated_frame, after those before it.

        While the reader is slow, one with a key takes the place of an unsent one with that key.
        Past the limit the socket is closed with 1013.
        """
        if self.is_open and not self._outbox.send(frame, key=key):
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
        self._outbox = Outbox(self._transport, bytes_max=self._limits.queue_bytes_max)
        self._restart_timer(PING_S, self._ping)

    def data_received(self, data: bytes) -> None:
        """Take bytes of the client."""
        self._is_alive = True
        for start in range(0, len(data), READ_BYTES):
            self._frames.receive_data(data[start : start + READ_BYTES])
            events = self._frames.events_received()
            if not self._is_room_for(len(events)):
                self._refuse_flood()
                return
            for event in events:
                if isinstance(event, Frame):
                    self._on_frame(event)
            self._flush()

    def eof_received(self) -> None:
        """The client sends no more."""
        if not self._is_ended:
            self._frames.receive_eof()
            self._flush()

    def pause_writing(self) -> None:
        """The client does not keep up: then it is not read either, for pings are answered too."""
        self._outbox.pause()
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """It caught up."""
        self._outbox.resume()
        if not (self._is_ended or self._is_flooded):
            self._transport.resume_reading()

    def connection_lost(self, _error: Exception | None) -> None:
        """The connection is gone."""
        if not self._is_ended:
            self._is_ended = True
            if self._timer is not None:
                self._timer.cancel()
            self._outbox.clear()
            self._listener.on_close()

    # Helpers.

    def _on_frame(self, frame: Frame) -> None:
        if frame.opcode == Opcode.BINARY:
            self.close(CloseCode.UNSUPPORTED_DATA, "text only")
        elif frame.opcode in (Opcode.TEXT, Opcode.CONT) and self.is_open:
            self._parts.append(bytes(frame.data))
            if len(self._parts) > FRAGMENTS_MAX:
                self.close(CloseCode.MESSAGE_TOO_BIG, "too many fragments")
            elif frame.fin:
                message, self._parts = b"".join(self._parts), []
                try:
                    text = message.decode()
                except UnicodeDecodeError:
                    self.close(CloseCode.INVALID_DATA, "not UTF-8")
                    return
                self._listener.on_message(text)

    def _is_room_for(self, count: int) -> bool:
        now_s = time.monotonic()
        filled = self._frames_left + (now_s - self._filled_s) * FRAMES_PER_S_MAX
        self._frames_left, self._filled_s = min(FRAMES_AT_ONCE_MAX, filled) - count, now_s
        return self._frames_left >= 0

    def _refuse_flood(self) -> None:
        """Close, and read no more: parsing it is what a flood costs."""
        self._is_flooded = True
        self._transport.pause_reading()
        self._flush()
        self.close(CloseCode.POLICY_VIOLATION, "too many frames")

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
