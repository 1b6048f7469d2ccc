"""Caller-runs: when an asker may run a step's handler on its own thread.

Handing a call to another thread and waiting for it costs more than most handlers. An asker
saves it by running the handler itself, where that changes nothing else: nobody waits before it,
a run is free, and the step has shown to be quick. Should it hang all the same, the asker's
thread is lost with it, so few may do this at a time, and a step that let one down is not
trusted again. A step may even be swift: then the thread that serves all connections runs it.
"""

from __future__ import annotations

from collections import deque

from motia_actors.threads import Signal, allocate_lock

QUICK_S = 0.025
"""What a thread of the server can do without for a while."""
CALLS_MIN = 16
"""So many quick calls in a row earn trust."""
SWIFT_S = 0.0002
"""Less than a change of threads takes under load, and than anything that is waited for."""
HELD_S = 0.002
"""A swift step that takes this long has held up all connections."""
SWIFT_CALLS_MIN, SWIFT_CALLS_MAX = 64, 4096
"""So many calls in a row make a step swift: twice as many each time it held others up."""
AHEAD_S = 0.05
"""What a quick step does in this time may be at hand for it, as one batch."""
AHEAD_MAX = 256


class Trust:
    """Whether a step is quick, by what was seen of it. Guesses under races, which is enough."""

    def __init__(self) -> None:
        self._streak = 0
        self._ran_s = QUICK_S
        self._is_lost = False
        self._swift_streak, self._swift_min = 0, SWIFT_CALLS_MIN
        self.is_given = False
        """The last calls were all quick."""

    def seen(self, ran_s: float) -> None:
        """A call ran this long."""
        self._ran_s += (ran_s - self._ran_s) / CALLS_MIN
        if ran_s < SWIFT_S:
            self._swift_streak += 1
        else:
            self.waited(is_long=ran_s >= HELD_S)
        if ran_s >= QUICK_S:
            self._streak, self.is_given = 0, False
        elif not self.is_given:
            self._streak += 1
            self.is_given = self._streak >= CALLS_MIN and not self._is_lost

    def waited(self, *, is_long: bool) -> None:
        """A call took longer than a swift one, or did not come back at once."""
        if is_long and self.is_swift:
            self._swift_min = min(2 * self._swift_min, SWIFT_CALLS_MAX)
        self._swift_streak = 0

    @property
    def is_swift(self) -> bool:
        """The last calls took next to no time."""
        return self._swift_streak >= self._swift_min and self.is_given

    @property
    def ahead(self) -> int:
        """How many calls it does one after the other in AHEAD_S; none where it is not quick."""
        if not self.is_given:
            return 0
        # Compared rather than asked of min and max, here and where this is used: every emit asks.
        ran_s = self._ran_s
        return AHEAD_MAX if ran_s * AHEAD_MAX <= AHEAD_S else int(AHEAD_S / ran_s)

    def lose(self) -> None:
        """A call hung: never again."""
        self._is_lost, self.is_given = True, False


class Permits:
    """Counts what may happen at a time: a token each."""

    def __init__(self, count: int) -> None:
        # Taking from a deque and adding to it are single steps that need no lock.
        self._tokens = deque([None] * count)
        self._turn = allocate_lock()  # One waits at a time; the others wait for their turn.
        self._is_awaited = False
        self._came = Signal()

    @property
    def free(self) -> int:
        """How many are free."""
        return len(self._tokens)

    def acquire_nowait(self) -> bool:
        """Take a permit, if one is free."""
        try:
            self._tokens.pop()
        except IndexError:
            return False
        return True

    def acquire(self, timeout_s: float) -> bool:
        """Take a permit; False where none came free within about timeout_s."""
        if self.acquire_nowait():
            return True
        with self._turn:
            # Said before the next look: whoever gives one back after it sees that we wait.
            self._is_awaited = True
            try:
                return self.acquire_nowait() or (
                    self._came.wait(timeout_s) and self.acquire_nowait()
                )
            finally:
                self._is_awaited = False

    def release(self) -> None:
        """Give one back."""
        self._tokens.append(None)
        if self._is_awaited:
            self._came.set()
