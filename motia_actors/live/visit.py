"""One client's right to listen: its pass, which may end, and what `canAccess` says of a place."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from motia_actors.access import ANSWER_S_MAX, AuthRequest, Doorkeeper, Pass, too_late
from motia_actors.clock import Clock
from motia_actors.promise import Promise
from motia_actors.steps.catalog import Catalog
from motia_actors.web.loop import LoopThread
from motia_actors.web.rooms import Place

T = TypeVar("T")

EXPIRY_S_MAX = 3600.0
"""Time limits of asyncio are no clock: what lies further ahead is looked at again."""
ALLOWED = ""
DENIED = "Access denied"


class Desk:
    """What all visits of a process share."""

    def __init__(
        self, catalog: Callable[[], Catalog], clock: Clock, door: Doorkeeper, thread: LoopThread
    ) -> None:
        self.catalog, self.clock, self.door, self.thread = catalog, clock, door, thread

    def ask(self, place: Place, context: object) -> Promise[str]:
        """Whether a client may listen to a place: ALLOWED, or why not. Does not block."""
        catalog = self.catalog()
        stream = next((one for one in catalog.streams if one.name == place[0]), None)
        if stream is None:
            return Promise.of(f"Stream {place[0]} not found")
        if not stream.has_can_access:
            return Promise.of(ALLOWED)
        answer: Promise[str] = Promise()
        asked = self.door.may_access(catalog.handlers.get(stream.id), place[1], place[2], context)

        def answered(one: Promise[bool]) -> None:
            answer.set(ALLOWED if one.error is None and one.result() else DENIED)

        asked.on_done(answered)
        return answer


class Visit:
    """All calls are made on the loop's thread, and so are those to what it is given.

    Args:
        desk: Whom it asks.
        request: The handshake, to ask `authenticate` again with.
        admitted: What it answered.
        renewed: Called when the pass was renewed: what was allowed by it must be asked again.
        ended: Called once when it ended and was not renewed.
    """

    def __init__(
        self,
        desk: Desk,
        request: AuthRequest,
        admitted: Pass,
        *,
        renewed: Callable[[], None],
        ended: Callable[[], None],
    ) -> None:
        self._desk, self._request, self._admitted = desk, request, admitted
        self._renewed, self._ended = renewed, ended
        self._timer: asyncio.TimerHandle | None = None
        self._is_over = False
        self._await_expiry()

    def ask(self, place: Place, answered: Callable[[str], None]) -> None:
        """Ask whether place may be listened to; answered gets ALLOWED or why not, once."""
        promise = self._desk.ask(place, self._admitted.context)
        if promise.is_done:
            answered(promise.result())
            return
        self._await(promise, lambda one: answered(one.result() if one.error is None else DENIED))

    def _await(self, promise: Promise[T], settled: Callable[[Promise[T]], None]) -> None:
        """Call settled on the loop, with promise or, where that takes too long, a broken one."""
        thread = self._desk.thread
        first: Promise[Promise[T]] = Promise()
        late: Promise[T] = Promise.broken(too_late())
        timer = thread.loop.call_later(ANSWER_S_MAX, first.set, late)
        promise.on_done(lambda one: thread.call(lambda: first.set(one)))

        def on_first(one: Promise[Promise[T]]) -> None:
            timer.cancel()
            if not self._is_over:
                settled(one.result())

        first.on_done(on_first)

    def end(self) -> None:
        """The client is gone."""
        self._is_over = True
        if self._timer is not None:
            self._timer.cancel()

    def _await_expiry(self) -> None:
        expires_at_s = self._admitted.expires_at_s
        if expires_at_s is not None:
            after_s = min(max(0.0, expires_at_s - self._desk.clock.now_s()), EXPIRY_S_MAX)
            self._timer = self._desk.thread.loop.call_later(after_s, self._on_expiry)

    def _on_expiry(self) -> None:
        if not _has_ended(self._admitted, self._desk.clock.now_s()):
            self._await_expiry()
            return
        self._await(self._desk.door.readmit(self._request), self._on_readmitted)

    def _on_readmitted(self, promise: Promise[Pass]) -> None:
        if promise.error is not None or _has_ended(promise.result(), self._desk.clock.now_s()):
            self.end()
            self._ended()
            return
        self._admitted = promise.result()
        self._await_expiry()
        self._renewed()


def _has_ended(admitted: Pass, now_s: float) -> bool:
    return admitted.expires_at_s is not None and admitted.expires_at_s <= now_s
