"""One request being answered, on a thread of the pool or on the poller's own.

What `wire` makes of the application's answer is collected here and handed to the poller, in one
piece where the answer is one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

from motia_actors.threads import Signal, allocate_lock
from motia_actors.web.heads import Head
from motia_actors.web.loop import LoopThread
from motia_actors.web.wire import Answer, head_of, lines_of

if TYPE_CHECKING:
    import asyncio

    from gunicorn.config import Config

    from motia_actors.web.poller import Poller

PIECE_BYTES = 65536
"""So much of an answer is collected before it is handed on."""

_FAILED = b'{"error":"Internal server error"}'
_FAILED_HEADERS = [
    ("Content-Type", "application/json; charset=utf-8"),
    ("Content-Length", str(len(_FAILED))),
]


class Host(Protocol):
    """What an exchange needs of the worker; its calls are safe on any thread."""

    cfg: Config
    log: Any
    app: Callable[[dict[str, Any], Any], Iterable[bytes]]
    is_leaving: bool
    poller: Poller

    def send(self, exchange: Exchange, data: bytes, *, is_end: bool) -> None:
        """Write a piece of the answer, or the last one."""
        ...

    def desert(self, exchange: Exchange) -> None:
        """Answer in the place of a handler that hangs."""
        ...

    def begin(self, head: Head) -> None:
        """A thread begins to answer."""
        ...

    def done(self, exchange: Exchange) -> None:
        """It has answered."""
        ...


class TakeOver:
    """Who wants the connection, on which loop, and what is said first."""

    def __init__(
        self,
        status: str,
        headers: list[tuple[str, str]],
        make: Callable[[], asyncio.Protocol],
        loop: LoopThread,
    ) -> None:
        self.status, self.headers, self.make, self.loop = status, headers, make, loop


class Exchange:
    """A complete request and its answer.

    Args:
        owner: The connection that waits for the answer.
        size: Of the body, in bytes.
    """

    def __init__(
        self, host: Host, owner: Any, head: Head, environ: dict[str, Any], size: int = 0
    ) -> None:
        self.size = size
        self.is_on_poller = self.is_lent = False
        """Answered by a thread of the poller; which leads nobody meanwhile."""
        self.owner, self.head, self.environ = owner, head, environ
        self.answer = Answer(head, self.sendall)
        self.take_over: TakeOver | None = None
        self.keeps_alive = False
        self.room: Signal | None = None
        """What a long answer waits for when the client does not keep up."""
        self.is_cut = False
        """The connection is gone."""
        self.on_cut: Callable[[], None] | None = None
        """Called by the poller when it goes."""
        self.on_eof: Callable[[], None] | None = None
        """Called by the poller when the client has said that it sends no more."""
        self._host = host
        self._whole: bytes | None = None
        self._parts: list[bytes] = []
        self._size = 0
        self._settled = allocate_lock()  # Taken by whoever answers: the handler or `desert`.
        environ["motia_actors.take_over"] = self._take_over
        environ["motia_actors.desert"] = self.desert
        environ["motia_actors.on_cut"] = self._watch_cut
        environ["wsgi.early_hints"] = self._early_hints

    def run(self) -> bool:
        """Answer; False where the thread has been replaced meanwhile."""
        host, answer = self._host, self.answer
        begun_s = time.monotonic()
        try:
            if host.is_leaving or not host.cfg.keepalive:
                answer.force_close()
            host.begin(self.head)
            self._respond()
        except (_CutError, BrokenPipeError):
            # Without its end: a body that broke off must not be taken for a whole one.
            answer.force_close()
        # Whatever the application raises, the thread and the connection go on, or end in order.
        except BaseException:
            host.log.exception("Error handling request %s", self.head.uri)
            self._fail()
        if not self._settled.acquire(blocking=False):
            return False
        answer = self.answer  # The one that says it failed, where it did.
        if self.take_over is None:
            self.keeps_alive = not answer.should_close()
        data = b"".join(self._parts)
        if self.is_lent:
            self._whole = data
        else:
            host.send(self, data, is_end=True)
        try:
            if host.log.access_log_enabled:
                passed = timedelta(seconds=time.monotonic() - begun_s)
                if self.take_over is not None:
                    answer.status, answer.headers = self.take_over.status, self.take_over.headers
                host.log.access(answer, self.head, self.environ, passed)
            host.done(self)
        # A logger or a hook of the user's must not take the thread along.
        except BaseException:
            host.log.exception("Exception in the access log")
        # Both name the exchange, which names them: none must wait until the garbage collector
        # finds them, which stops all for a while.
        self.environ, self._parts = {}, []
        del self.answer
        return True

    def lend(self) -> None:
        """Be answered by the poller's own thread, as long as nothing has to be waited for."""
        self.is_lent = self.is_on_poller = True
        self.environ["motia_actors.on_wait"] = self._begin_wait
        self._host.poller.lend(self)

    def _begin_wait(self) -> bool:
        """Let others be served meanwhile; False where they cannot."""
        if self.is_lent:
            self.is_lent = not self._host.poller.cede()
        return not self.is_lent

    def finish(self) -> None:
        """Write the answer of a thread that was lent; the poller calls."""
        if self._whole is not None:
            self.owner.answer(self, self._whole, is_end=True)

    def _respond(self) -> None:
        answer = self.answer
        result = self._host.app(self.environ, answer.start_response)
        try:
            is_whole = isinstance(result, list | tuple)
            for item in result:
                answer.write(item)
                if not is_whole and self._parts:
                    self._flush()
            if self.take_over is None:
                answer.close()
        finally:
            close = getattr(result, "close", None)
            if close is not None:
                close()

    def sendall(self, data: bytes) -> None:
        """Collect what the response writes."""
        self._parts.append(data)
        self._size += len(data)
        if self._size >= PIECE_BYTES:
            self._flush()

    def _flush(self) -> None:
        if self.is_cut or self._settled.locked():
            raise _CutError
        if not self._begin_wait():
            return  # Room is for the poller to give: with nobody to lead it would never come.
        data, self._parts, self._size = b"".join(self._parts), [], 0
        room = self.room = self.room or Signal()
        self._host.send(self, data, is_end=False)
        # It is set at once where there is room, when the client has read, and at the end.
        room.wait()

    def _fail(self) -> None:
        answer = self.answer
        self.take_over = None
        if answer.headers_sent and not self._is_unsent():
            answer.force_close()
            return
        self._parts, self._size = [], 0
        self.answer = answer = Answer(self.head, self.sendall)
        answer.force_close()
        answer.start_response("500 Internal Server Error", list(_FAILED_HEADERS))
        answer.write(_FAILED)

    def _is_unsent(self) -> bool:
        return self.room is None

    def desert(self) -> None:
        """Answer 504 in the place of a handler that hangs, and replace its thread."""
        if self._settled.acquire(blocking=False):
            self._host.desert(self)

    def _watch_cut(self, callback: Callable[[], None], *, has_eof: bool) -> None:
        """Have callback called when the client is gone; has_eof: a half-closed one counts."""
        self.on_cut = callback
        if has_eof:
            self.on_eof = callback
        if self.is_cut or (has_eof and self.owner.is_at_eof):
            callback()

    def _take_over(
        self,
        status: str,
        headers: list[tuple[str, str]],
        make: Callable[[], asyncio.Protocol],
        loop: LoopThread,
    ) -> None:
        self.take_over = TakeOver(status, headers, make, loop)

    def take_over_head(self) -> bytes:
        """What is sent before the connection changes hands."""
        assert self.take_over is not None
        headers = self.take_over.headers
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
        assert lines.count("\n") == len(headers), "a header with a line break"
        return head_of((1, 1), self.take_over.status, lines)

    def _early_hints(self, headers: list[tuple[str, str]]) -> None:
        if self.answer.headers_sent or self.head.version < (1, 1):
            return
        lines, _ = lines_of(headers)
        self.sendall(f"HTTP/1.1 103 Early Hints\r\n{lines}\r\n".encode("latin-1"))
        self._flush()


class _CutError(Exception):
    """Nobody reads the rest of the answer."""
