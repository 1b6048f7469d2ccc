"""Send bodies that are made while they are sent: with back-pressure, limits, and an end for each.

A thread of the server carries each of them: it asks for a piece, sends it, and asks again once
the client has taken it. So there is a limit on how many there are, and on how long one waits.
"""

from __future__ import annotations

import errno
import math
import select
import time
from collections.abc import Callable, Iterator
from typing import Any

from motia_actors.errors import TimeLimitError
from motia_actors.pieces import Pieces
from motia_actors.promise import Promise
from motia_actors.threads import allocate_lock, is_patched
from motia_actors.web.answers import Offload
from motia_actors.web.limits import StreamLimits

ON_CUT = "motia_actors.on_cut"
"""Key of the environment under which our worker takes what is to be called when the client goes."""
LOOK_S = 1.0
"""How often it is looked, under gunicorn's own workers, whether a listener is still there."""
COMMENT = b":\n\n"
"""An event stream begins with one, so that its head is sent, and shows with one that it lives."""


def watch_client(environ: dict[str, Any], streaming: Streaming) -> None:
    """Have the streaming end when its client has gone, as far as the server lets us know."""
    on_cut = environ.get(ON_CUT)
    connection = environ.get("gunicorn.socket")
    if on_cut is not None:
        # No browser closes its half of a connection on which it listens for events.
        on_cut(streaming.cut, has_eof=streaming.is_events)
    elif connection is not None and streaming.is_events and not is_patched():
        poll = select.poll()
        poll.register(connection.fileno(), select.POLLRDHUP)
        streaming.is_gone = lambda: bool(poll.poll(0))


class Streams:
    """The streamed answers of a process.

    Args:
        offload: Waits where it holds up nobody; None: here.
    """

    def __init__(self, limits: StreamLimits, *, offload: Offload | None) -> None:
        self.limits = limits
        self._offload = offload
        self._guard = allocate_lock()
        self._open: set[Streaming] = set()
        self._is_ending = False

    def begin(
        self, pieces: Pieces, *, is_events: bool, on_error: Callable[[str], None]
    ) -> Streaming | None:
        """Count one more; None, and the pieces are closed, where there are too many."""
        streaming = Streaming(self, pieces, is_events=is_events, on_error=on_error)
        with self._guard:
            is_full = len(self._open) >= self.limits.count_max or self._is_ending
            if not is_full:
                self._open.add(streaming)
        if is_full:
            pieces.close()
            return None
        return streaming

    def begin_stop(self) -> None:
        """End event streams, whose clients come again; other bodies go on to their end."""
        with self._guard:
            self._is_ending = True
            ending = [one for one in self._open if one.is_events]
        for one in ending:
            one.cut()

    def forget(self, streaming: Streaming) -> None:
        """It is over."""
        with self._guard:
            self._open.discard(streaming)

    def wait(self, promise: Promise[bytes | None], wait_s: float) -> bytes | None:
        """The piece; raises TimeLimitError where it did not come in time."""
        if promise.is_done or self._offload is None:
            return promise.result(wait_s)
        return self._offload(lambda: promise.result(wait_s))


class Streaming:
    """A body as WSGI takes it: an iterator, closed by the server whatever becomes of the client."""

    def __init__(
        self,
        owner: Streams,
        pieces: Pieces,
        *,
        is_events: bool,
        on_error: Callable[[str], None],
    ) -> None:
        self.is_events = is_events
        self.is_gone: Callable[[], bool] | None = None
        """Whether the client has closed its half, where only looking tells."""
        self.on_close: list[Callable[[], None]] = []
        self._owner, self._pieces, self._on_error = owner, pieces, on_error
        self._begun_s = time.monotonic()
        self._promise: Promise[bytes | None] | None = None
        self._ready = [COMMENT] if is_events else []
        self._is_over = False
        self._idle_from_s = self._sent_s = self._begun_s

    def prepare(self) -> None:
        """Wait for the first piece, so that a failure before it can still be answered.

        Raises:
            OSError: there is none; what happened was told.
        """
        piece = next(self, None)
        if piece is not None:
            self._ready.append(piece)

    def cut(self) -> None:
        """Nobody reads on. Any thread may call; does not wait."""
        self._pieces.close()

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        """The next piece that is not empty.

        Raises:
            OSError: it failed or came too late; the server is to cut the connection, so that the
                client does not take the part for the whole.
        """
        if self._ready:
            return self._ready.pop()
        while not self._is_over:
            if self._promise is None:
                self._promise, self._idle_from_s = self._pieces.pull(), time.monotonic()
            piece = self._await(self._promise)
            if piece:
                return piece
        raise StopIteration

    def _await(self, promise: Promise[bytes | None]) -> bytes:
        """A piece; nothing at the end of them."""
        limits = self._owner.limits
        now_s = time.monotonic()
        left_s = min(
            self._idle_from_s + (limits.idle_s or math.inf) - now_s,
            self._begun_s + (limits.total_s or math.inf) - now_s,
        )
        try:
            look_s = limits.heartbeat_s if self.is_gone is None else LOOK_S
            piece = self._owner.wait(promise, max(0.0, min(left_s, limits.heartbeat_s, look_s)))
        except TimeLimitError as error:
            if promise.is_done:
                raise self._failed(str(error)) from error
            return self._quiet(time.monotonic(), left_s - (time.monotonic() - now_s))
        # What the handler's generator raises, whatever it is.
        except BaseException as error:
            raise self._failed(f"{type(error).__name__}: {error}") from error
        self._promise, self._sent_s = None, time.monotonic()
        self._is_over = piece is None
        return piece or b""

    def _quiet(self, now_s: float, left_s: float) -> bytes:
        """What to send while no piece comes."""
        if left_s <= 0:
            return self._late()
        if self.is_gone is not None and self.is_gone():
            self._is_over = True
        elif self.is_events and now_s - self._sent_s >= self._owner.limits.heartbeat_s:
            self._sent_s = now_s
            return COMMENT
        return b""

    def _late(self) -> bytes:
        limits = self._owner.limits
        if self.is_events:
            self._is_over = True  # Its client comes again by itself.
            return b""
        raise self._failed(
            f"no piece came for {limits.idle_s:g} s, or all of it took over {limits.total_s:g} s; "
            "see MOTIA_STREAM_IDLE and MOTIA_STREAM_TIMEOUT"
        )

    def _failed(self, why: str) -> OSError:
        self._is_over = True
        self._on_error(why)
        # The one error that every server takes for a lost connection, without a traceback.
        return BrokenPipeError(errno.EPIPE, why)

    def close(self) -> None:
        """End what makes the pieces."""
        self._is_over = True
        self._pieces.close()
        self._owner.forget(self)
        on_close, self.on_close = self.on_close, []
        for callback in on_close:
            callback()
