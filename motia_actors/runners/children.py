"""The child processes of one runner or one step: started when needed, watched, and replaced.

Where there is something to warm it with, a spare child stands by and takes the place of the next
that is wanted, above all when code was edited and all are replaced.

A child that does not answer a ping for `hang_s` is killed, as is one with a call that was given
up and does not end. Deaths in a row make the next start wait, longer each time. One that took
too many calls or too much memory is relieved: its successor is made ready, then takes all new
calls, and it ends after those it has.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import msgspec

from motia_actors.errors import ChildDiedError
from motia_actors.promise import Promise
from motia_actors.runner import Effects
from motia_actors.runners import frames
from motia_actors.runners.child import Child
from motia_actors.threads import NativeThread, Signal, allocate_lock

logger = logging.getLogger(__name__)

PING_S = 1.0
CALM_S = 30.0
"""A child that lived for so long counts as well; those before it are forgiven."""
DELAY_S, DELAY_S_MAX = 0.2, 10.0
SPARES_DIED_MAX = 3
"""After so many that died while they stood by, none is started any more."""
CROWDED_COUNT = 8
"""So many calls in flight on each child are worth another one, where there may be one."""
NO_SIGN, NOT_GONE = "it gave no sign of life", "a call in it ran past its limit and did not end"


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How many children there may be, and when one is killed or relieved.

    Args:
        count_max: How many at a time, those that are on their way out apart.
        crowded_count: So many calls in flight on each are worth another one.
        hang_s: Without a sign of life for so long it is killed; None: never.
        ram_bytes: Over so much resident memory it is killed; None: never.
        calls_max: After so many calls it is relieved; 0: never.
        memory_bytes: At so much resident memory it is relieved; 0: never.
    """

    count_max: int = 1
    crowded_count: int = CROWDED_COUNT
    hang_s: float | None = None
    ram_bytes: int | None = None
    calls_max: int = 0
    memory_bytes: int = 0


def delay_s(deaths: int) -> float:
    """How long after the last of so many deaths in a row the next start waits."""
    return 0.0 if deaths <= 1 else min(DELAY_S * 2.0 ** min(deaths - 2, 16), DELAY_S_MAX)


class Children:
    """The one with the least in flight is asked first. Any thread may ask.

    Args:
        start: Starts a child, given what it is to call when a call was given up.
        limits: How many, and for how long.
        prepare: Asks a new child for what must be done before its first call.
        warm: Asks a spare child for what can be done before it is wanted; None: no spare is kept.
    """

    def __init__(
        self,
        start: Callable[[Callable[[], None]], Child],
        limits: Limits,
        *,
        prepare: Callable[[Child], None] = lambda _: None,
        warm: Callable[[Child], None] | None = None,
    ) -> None:
        self._start, self._limits, self._prepare = start, limits, prepare
        self._warm = warm
        self._spare: Child | None = None
        self._spares_died, self._was_quiet = 0, False
        self._children: list[Child] = []
        self._retired: list[Child] = []
        self._successors: dict[Child, Child] = {}
        self._guard = allocate_lock()
        self._deaths, self._died_s = 0, 0.0
        self._bell = Signal()
        self._is_closed = False
        self._watcher: NativeThread | None = None

    def ask(
        self, kind: str, /, *, file: str, effects: Effects | None = None, **fields: object
    ) -> tuple[Child, int, Promise[frames.Frame]]:
        """Ask the child with the least to do; answers it, the id there and the answer to come.

        Raises:
            ChildDiedError: they died so often that the next start waits a moment.
            PayloadError: a field has no JSON form.
        """
        while True:
            child = self.pick(file)
            asked = child.ask(kind, file=file, effects=effects, **fields)
            if asked is not None:  # Else it ended in this moment.
                return child, *asked

    def pick(self, file: str) -> Child:
        """The child for the next call. Raises ChildDiedError as `ask` does."""
        with self._guard:
            self._forget_dead()
            children, limits = self._children, self._limits
            best = min(children, key=lambda child: child.open_count, default=None)
            is_crowded = best is not None and best.open_count >= limits.crowded_count
            if best is None or (is_crowded and len(children) < limits.count_max):
                fresh = self._grow(file, is_needed=best is None)
                # Where calls share a child, the old one is quicker until it has read the step.
                if best is None or (fresh is not None and limits.crowded_count == 1):
                    best = fresh
            elif self._is_tired(best):
                best = self._relieve(best)
        assert best is not None
        return best

    def all(self) -> list[Child]:
        """Those that live and take calls."""
        with self._guard:
            self._forget_dead()
            return list(self._children)

    def detach(self) -> list[Child]:
        """Take the present ones out; they go on with what they run until `retire` or `restore`."""
        with self._guard:
            detached, self._children = self._children, []
            return detached

    def retire(self, detached: list[Child]) -> None:
        """Let these end after what they run."""
        with self._guard:
            self._retired += detached
        self._bell.set()

    def restore(self, detached: list[Child]) -> None:
        """Take these in again, in place of those started since."""
        with self._guard:
            self._retired += self._children
            self._children = detached
        self._bell.set()

    def resize(self, count_max: int) -> None:
        """Allow so many."""
        self._limits = msgspec.structs.replace(self._limits, count_max=count_max)

    def end(self) -> None:
        """Let all end after what they run, soon. Takes no lock, so that a finalizer may call it."""
        self._is_closed = True

    def close(self) -> None:
        """End them all now."""
        self._is_closed = True
        with self._guard:
            ending = [*self._children, *self._retired, *self._apart()]
            self._children, self._retired, self._successors = [], [], {}
            self._spare = None
        self._bell.set()
        for child in ending:
            child.close()

    def _is_tired(self, child: Child) -> bool:
        limits = self._limits
        if limits.calls_max and child.served >= limits.calls_max:
            return True
        # A step that needs so much from the start is no leak.
        is_old = time.monotonic() - child.started_s > CALM_S
        return bool(limits.memory_bytes) and child.rss_bytes >= limits.memory_bytes and is_old

    def _relieve(self, tired: Child) -> Child:
        """Its successor, once that is ready; until then itself."""
        successor = self._successors.get(tired)
        if successor is None or not successor.takes_calls:
            self._successors[tired] = self._begin()
            return tired
        if not successor.is_ready or successor.open_count:
            return tired
        del self._successors[tired]
        self._children[self._children.index(tired)] = successor
        self._retired.append(tired)
        return successor

    def _forget_dead(self) -> None:
        now_s = time.monotonic()
        for child in self._children:
            if not child.takes_calls:
                has_lived = now_s - child.started_s > CALM_S
                # One that was killed for a late call says nothing of the next.
                if child.killed_for != NOT_GONE:
                    self._deaths = 1 if has_lived else self._deaths + 1
                    self._died_s = now_s
                successor = self._successors.pop(child, None)
                if successor is not None:
                    self._children.append(successor)
        self._children = [child for child in self._children if child.takes_calls]

    def _grow(self, file: str, *, is_needed: bool) -> Child | None:
        wait_s = self._died_s + delay_s(self._deaths) - time.monotonic() if self._deaths else 0.0
        if self._is_closed or wait_s > 0:
            if not is_needed:
                return None
            error = ChildDiedError(file, exit_code=None)
            error.retry_after_s = max(wait_s, 0.1)
            raise error
        child = self._begin()
        self._children.append(child)
        return child

    def _begin(self) -> Child:
        child, self._spare = self._spare, None
        if child is None or not child.takes_calls:
            child = self._start(self._bell.set)
        self._prepare(child)
        if self._watcher is None:
            self._watcher = NativeThread(self._watch, name="children")
            self._watcher.start()
        return child

    def _apart(self) -> list[Child]:
        """Those that are to take calls later."""
        return [*self._successors.values(), *([self._spare] if self._spare else [])]

    def _keep_spare(self) -> None:
        """Have one stand by once the others have nothing to answer, at two looks in a row."""
        with self._guard:
            is_quiet = all(child.is_ready and not child.open_count for child in self._children)
            was_quiet, self._was_quiet = self._was_quiet, is_quiet and bool(self._children)
            if self._warm is None or self._is_closed or not (was_quiet and self._was_quiet):
                return
            if self._spare is not None:
                if self._spare.takes_calls:
                    return
                self._spares_died += 1
            if self._spares_died >= SPARES_DIED_MAX:
                self._warm = self._spare = None
                return
            try:
                child = self._spare = self._start(self._bell.set)
            # It is a help and no more, and this thread has others to watch.
            except Exception as error:  # noqa: BLE001
                logger.warning("no process stands by for the next edit: %s", error)
                self._warm = None
                return
            warm = self._warm
        warm(child)

    def _watch(self) -> None:
        pinged_s = 0.0
        wait_s = PING_S
        while True:
            self._bell.wait(wait_s)
            with self._guard:
                if self._is_closed:
                    self._retired += [*self._children, *self._apart()]
                    self._children, self._successors, self._spare = [], {}, None
                self._retired = [child for child in self._retired if child.is_alive]
                leaving = list(self._retired)
                watched = [*self._children, *leaving, *self._apart()]
            if self._is_closed and not watched:
                return
            self._keep_spare()
            now_s = time.monotonic()
            is_time = now_s - pinged_s >= PING_S
            pinged_s = now_s if is_time else pinged_s
            wait_s = PING_S
            for child in leaving:
                child.end_if_idle()
            for child in watched:
                if is_time:
                    child.send(frames.write("ping"))
                wait_s = min(wait_s, self._look_at(child, now_s))

    def _look_at(self, child: Child, now_s: float) -> float:
        """Kill it where it is of no use any more; answers when to look again, in seconds."""
        limits = self._limits
        late_s = child.late_s(now_s)
        if limits.hang_s is not None and now_s - child.heard_s > limits.hang_s:
            child.kill(NO_SIGN)
        elif late_s is not None and late_s <= 0:
            child.kill(NOT_GONE)
        elif limits.ram_bytes is not None and child.rss_bytes > limits.ram_bytes:
            used, limit = child.rss_bytes >> 20, limits.ram_bytes >> 20
            child.kill(f"it used {used} MB, over its handler.ram of {limit} MB")
        elif late_s is not None:
            return max(late_s, 0.01)
        return PING_S
