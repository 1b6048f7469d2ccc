"""The bounded mailbox of an actor: two lanes, control before work, and a policy for overflow.

A mailbox outlives its actor: a restarted actor takes up where the last one stopped. Any number
of threads put; the actor's threads take. Nobody ever waits in `put`, but for the policy that
says so.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from motia_actors.errors import ActorStoppedError, MailboxFullError
from motia_actors.steps.config import Overflow
from motia_actors.threads import Lock, allocate_lock


class Envelope(Protocol):
    """A message on its way. pykka's own envelopes fit."""

    @property
    def message(self) -> Any:
        """What is sent."""
        ...


class Control:
    """Base of messages that go before work and are never refused: stop, tick, failure."""


class MailboxStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of a mailbox; counts are since it was made."""

    depth: int
    size_max: int
    overflow: Overflow
    accepted: int
    refused: int
    dropped: int


class Mailbox:
    """Holds what an actor has not yet taken.

    Args:
        name: Of the actor, for messages of errors.
        size_max: Work that may wait; control has no limit.
        overflow: What happens to work past size_max: `reject` raises MailboxFullError, `block`
            waits up to block_s for room, then raises it; `drop_oldest` and `drop_newest` hand
            the loser to on_drop.
        is_control: Tells control from work.
    """

    def __init__(
        self,
        name: str,
        *,
        size_max: int = 1024,
        overflow: Overflow = "reject",
        block_s: float = 5.0,
        on_drop: Callable[[Any], None] | None = None,
        is_control: Callable[[object], bool] = lambda message: isinstance(message, Control),
    ) -> None:
        assert size_max > 0, "a mailbox holds at least one message"
        self.name = name
        self.size_max = size_max
        self.overflow: Overflow = overflow
        self.block_s = block_s
        self.on_drop = on_drop
        self._on_arrival: Callable[[], None] | None = None
        self._is_calm: Callable[[int], bool] = lambda _sleepers: False
        self._is_control = is_control
        self._lock = allocate_lock()
        self._control: deque[Any] = deque()
        self._work: deque[Any] = deque()
        self._takers: list[Lock] = []
        self._controller: Lock | None = None
        self.kicks = 0
        self._senders: deque[Lock] = deque()
        self._is_closed = False
        self._accepted = self._refused = self._dropped = 0

    def hear(
        self,
        on_arrival: Callable[[], None],
        *,
        is_calm: Callable[[int], bool] = lambda _sleepers: False,
    ) -> None:
        """Call on_arrival after a put that found nobody waiting in `take`; it must be quick.

        Work wakes nobody that comes where is_calm, which is told how many wait in `take`: somebody
        who is awake comes for it soon.
        """
        with self._lock:
            self._on_arrival, self._is_calm = on_arrival, is_calm

    def unhear(self, on_arrival: Callable[[], None]) -> None:
        """Call it no more; nothing happens where somebody else hears by now."""
        with self._lock:
            if self._on_arrival is on_arrival:
                self._on_arrival, self._is_calm = None, lambda _sleepers: False

    def put(self, envelope: Envelope, *, may_wait: bool = True, is_work: bool = False) -> None:
        """Leave a message. Unless may_wait, the policy `block` refuses as `reject` does.

        What is_work need not be asked whether it is control.

        Raises:
            MailboxFullError: there is no room, and the policy does not make any.
            ActorStoppedError: the mailbox was closed.
        """
        is_control = not is_work and self._is_control(envelope.message)
        loser: Any = None
        with self._lock:
            if self._is_closed:
                raise ActorStoppedError(f"actor {self.name!r} was stopped")
            if is_control:
                self._control.append(envelope)
            else:
                if len(self._work) >= self.size_max:
                    loser = self._overflowed(envelope, may_wait=may_wait)
                if loser is not envelope:
                    self._work.append(envelope)
                    self._accepted += 1
            taker = on_arrival = None
            if is_control:
                taker, on_arrival = self._woken_controller(), self._on_arrival
            elif not self._is_calm(len(self._takers)):
                taker = self._takers.pop() if self._takers else None
                on_arrival = self._on_arrival
        if loser is not None and self.on_drop is not None:
            self.on_drop(loser)
        if taker is not None:
            taker.release()
        elif on_arrival is not None:
            on_arrival()

    def take(
        self,
        timeout_s: float | None = None,
        *,
        is_helper: bool = False,
        kicks: int | None = None,
    ) -> Any:
        """The next message, control first; None where none came within timeout_s, or on kick.

        One thread, the actor's own, takes control and work; its helpers take work alone. A
        taker that must not miss a kick names the count of `kicks` it has seen.
        """
        until_s: float | None = None
        kicks = self.kicks if kicks is None else kicks
        while True:
            with self._lock:
                if self._is_closed or self.kicks != kicks:
                    return None
                if self._work or (self._control and not is_helper):
                    return self._next(is_helper=is_helper)
                taker = allocate_lock()
                taker.acquire()
                self._takers.append(taker)
                if not is_helper:
                    self._controller = taker
            left_s = -1.0
            if timeout_s is not None:
                now_s = time.monotonic()
                until_s = now_s + timeout_s if until_s is None else until_s
                left_s = max(0.0, until_s - now_s)
            if not taker.acquire(timeout=left_s) and not self._came_after_all(taker):
                return None

    def take_nowait(self) -> Any:
        """The next message, or None where nothing waits."""
        with self._lock:
            return self._next() if self._control or self._work else None

    def take_control_nowait(self) -> Any:
        """The next control message, or None; work stays."""
        with self._lock:
            return self._control.popleft() if self._control else None

    def take_all_work(self) -> list[Any]:
        """Empty the work lane, for whoever gives the messages back."""
        with self._lock:
            taken = list(self._work)
            self._work.clear()
            self._let_senders_in()
        return taken

    def resize(self, size_max: int) -> None:
        """Change the limit; what waits already stays."""
        assert size_max > 0, "a mailbox holds at least one message"
        with self._lock:
            self.size_max = size_max
            self._let_senders_in()

    def rouse(self) -> None:
        """Have as many come for what waits as would have without calm."""
        for _ in range(len(self._work)):
            with self._lock:
                taker = self._takers.pop() if self._work and self._takers else None
                on_arrival = self._on_arrival if self._work else None
            if taker is not None:
                taker.release()
            elif on_arrival is not None:
                on_arrival()
            else:
                return

    def kick(self) -> None:
        """Make every `take` that waits now answer None."""
        with self._lock:
            self.kicks += 1
            takers, self._takers = self._takers, []
        for taker in takers:
            taker.release()

    def close(self) -> list[Any]:
        """Refuse everything from now on and wake who waits; answers what was left."""
        with self._lock:
            self._is_closed = True
            left = [*self._control, *self._work]
            self._control.clear()
            self._work.clear()
            takers, self._takers = self._takers, []
            self._let_senders_in()
        for taker in takers:
            taker.release()
        return left

    def empty(self) -> bool:
        """Nothing waits (asked by pykka)."""
        return not (self._control or self._work)

    @property
    def is_closed(self) -> bool:
        """It takes no more."""
        return self._is_closed

    @property
    def has_control(self) -> bool:
        """Control waits."""
        return bool(self._control)

    @property
    def depth(self) -> int:
        """Work that waits."""
        return len(self._work)

    @property
    def sleepers(self) -> int:
        """How many wait in `take`."""
        return len(self._takers)

    def statistics(self) -> MailboxStatistics:
        """Its figures now."""
        return MailboxStatistics(
            depth=len(self._work),
            size_max=self.size_max,
            overflow=self.overflow,
            accepted=self._accepted,
            refused=self._refused,
            dropped=self._dropped,
        )

    def _woken_controller(self) -> Lock | None:
        """Whom to wake for control; for work it is who waited least."""
        controller, self._controller = self._controller, None
        if controller is None or controller not in self._takers:
            return None
        self._takers.remove(controller)
        return controller

    def _next(self, *, is_helper: bool = False) -> Any:
        if self._control and not is_helper:
            return self._control.popleft()
        envelope = self._work.popleft()
        if self._senders:
            self._senders.popleft().release()
        return envelope

    def _overflowed(self, envelope: Any, *, may_wait: bool) -> Any:
        """Make room by the policy and answer who loses, None where room came by itself."""
        if self.overflow == "drop_oldest":
            self._dropped += 1
            return self._work.popleft()
        if self.overflow == "drop_newest":
            self._dropped += 1
            return envelope
        if self.overflow == "block" and may_wait and self._wait_for_room():
            return None
        self._refused += 1
        raise MailboxFullError(self.name, size_max=self.size_max)

    def _wait_for_room(self) -> bool:
        """Wait outside the lock, which is held on entry and again on return."""
        until_s = time.monotonic() + self.block_s
        while len(self._work) >= self.size_max:
            sender = allocate_lock()
            sender.acquire()
            self._senders.append(sender)
            self._lock.release()
            came = sender.acquire(timeout=max(0.0, until_s - time.monotonic()))
            self._lock.acquire()
            if self._is_closed:
                raise ActorStoppedError(f"actor {self.name!r} was stopped")
            if not came:
                if sender in self._senders:
                    self._senders.remove(sender)
                return len(self._work) < self.size_max
        return True

    def _let_senders_in(self) -> None:
        while self._senders:
            self._senders.popleft().release()

    def _came_after_all(self, taker: Lock) -> bool:
        """A put may have chosen this taker just as its time ran out."""
        with self._lock:
            if taker in self._takers:
                self._takers.remove(taker)
                return False
        return True
