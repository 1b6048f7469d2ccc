"""Server-Sent Events: the changes of one place for clients without WebSockets.

    GET /__motia/streams/<name>/<group>[/<id>]

Each message is the one a WebSocket would get, and its event id is the change's seq: a browser
that comes back sends it as Last-Event-ID and gets what it missed.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote

from motia_actors.access import AuthRequest, Pass
from motia_actors.live.visit import ALLOWED, Visit
from motia_actors.messages import Change
from motia_actors.web.outbox import Outbox
from motia_actors.web.rooms import Frame, Place

if TYPE_CHECKING:
    from motia_actors.live.hub import Live

PATH = "/__motia/streams/"
CONTROL = frozenset({"details", "group", "item", "all"})
"""First parts of paths that are control endpoints, unless events are asked for."""
KEEP_ALIVE_S = 15.0
CLOSE_S_MAX = 2.0
RETRY_MS = 2_000
TYPE = "text/event-stream"
_SEQ = re.compile(r"[0-9]{1,18}")


def place_of(environ: dict[str, Any]) -> Place | None:
    """The place whose events a request asks for; None where it asks for something else."""
    path = str(environ.get("PATH_INFO") or "")
    if not path.startswith(PATH) or environ.get("REQUEST_METHOD") != "GET":
        return None
    # The parts as they were sent: a name may hold a slash.
    raw = str(environ.get("RAW_URI") or path).partition("?")[0]
    if not raw.startswith(PATH):
        return None
    parts = [unquote(part) for part in raw.removeprefix(PATH).split("/")]
    wants_events = TYPE in str(environ.get("HTTP_ACCEPT") or "").lower()
    if len(parts) not in (2, 3) or (parts[0] in CONTROL and not wants_events):
        return None
    return parts[0], parts[1], parts[2] if len(parts) == 3 and parts[2] else None


def last_seq_of(environ: dict[str, Any]) -> int | None:
    """The Last-Event-ID, where it is one of ours."""
    text = str(environ.get("HTTP_LAST_EVENT_ID") or "").strip()
    return int(text) if _SEQ.fullmatch(text) else None


class EventClient(asyncio.Protocol):
    """One event stream after its head was sent; all calls are made on the loop's thread."""

    def __init__(
        self,
        live: Live,
        place: Place,
        request: AuthRequest,
        admitted: Pass,
        *,
        after_seq: int | None,
    ) -> None:
        self._live, self._place, self._after_seq = live, place, after_seq
        self._is_ended = self._is_closing = False
        self._timer: asyncio.TimerHandle | None = None
        self._visit = Visit(
            live.desk, request, admitted, renewed=self._on_renewed, ended=self.begin_close
        )

    def push(self, frame: Frame, change: Change) -> None:
        """Send a change; while the client is slow, only the newest update of an item."""
        key = ("item", change.item_id) if change.type == "update" else None
        if self._is_closing:
            return  # Never what comes after a gap: its seq would be the last one seen.
        if not self._outbox.send(frame.form(_event), key=key):
            self.begin_close()  # It comes back with the last seq it saw.

    def begin_close(self) -> None:
        """End the stream; the client comes back by itself."""
        if self._is_closing:
            return
        self._is_closing = True
        self._transport.close()
        # TLS waits for an answer to its goodbye, and a client may be past giving one.
        if not self._is_ended:
            self._restart_timer(CLOSE_S_MAX, self._transport.abort)

    # asyncio's side.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin with what the client missed, or the whole."""
        self._transport = cast("asyncio.Transport", transport)
        self._outbox = Outbox(self._transport, bytes_max=self._live.limits.queue_bytes_max)
        self._live.entered(self)
        self._outbox.send(b"retry: %d\n\n" % RETRY_MS)
        frames = self._live.rooms.join(self._place, self, after_seq=self._after_seq)
        self._outbox.send(b"".join(frame.form(_event) for frame in frames))
        self._keep_alive()

    def data_received(self, data: bytes) -> None:
        """There is nothing to say to an event stream."""

    def eof_received(self) -> None:
        """The client has hung up."""
        self.begin_close()

    def pause_writing(self) -> None:
        """The client does not keep up."""
        self._outbox.pause()

    def resume_writing(self) -> None:
        """It caught up."""
        self._outbox.resume()

    def connection_lost(self, _error: Exception | None) -> None:
        """The connection is gone."""
        if not self._is_ended:
            self._is_ended = True
            self._visit.end()
            if self._timer is not None:
                self._timer.cancel()
            self._outbox.clear()
            self._live.rooms.leave(self._place, self)
            self._live.left(self)

    def _keep_alive(self) -> None:
        # A comment, which proxies count as life; past the limit as any other event.
        if not self._outbox.send(b":\n\n", key=TYPE):
            self.begin_close()
        else:
            self._restart_timer(KEEP_ALIVE_S, self._keep_alive)

    def _restart_timer(self, after_s: float, call: Callable[[], object]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._live.thread.loop.call_later(after_s, call)

    def _on_renewed(self) -> None:
        def answered(reason: str) -> None:
            if reason != ALLOWED:
                self.begin_close()

        self._visit.ask(self._place, answered)


def _event(frame: Frame) -> bytes:
    # Compact JSON has no line breaks, so one line of data holds it.
    return b"id: %d\ndata: %b\n\n" % (frame.seq, frame.payload)
