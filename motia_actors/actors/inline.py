"""Caller-runs: when an asker may run a step's handler on its own thread.

Handing a call to another thread and waiting for it costs more than most handlers. An asker
saves it by running the handler itself, where that changes nothing else: nobody waits before it,
a run is free, and the step has shown to be quick. Should it hang all the same, the asker's
thread is lost with it, so few may do this at a time, and a step that let one down is not
trusted again.
"""

from __future__ import annotations

from motia_actors.threads import allocate_lock

QUICK_S = 0.025
"""What a thread of the server can do without for a while."""
CALLS_MIN = 16
"""So many quick calls in a row earn trust."""


class Trust:
    """Whether a step is quick, by what was seen of it. Guesses under races, which is enough."""

    def __init__(self) -> None:
        self._streak = 0
        self._is_lost = False

    @property
    def is_given(self) -> bool:
        """The last calls were all quick."""
        return self._streak >= CALLS_MIN and not self._is_lost

    def seen(self, ran_s: float) -> None:
        """A call ran this long."""
        if ran_s < QUICK_S:
            self._streak += 1
        else:
            self._streak = 0

    def lose(self) -> None:
        """A call hung: never again."""
        self._is_lost = True


class Permits:
    """Counts what may happen at a time."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._guard = allocate_lock()
        self._turn = allocate_lock()  # One waits at a time; the others wait for their turn.
        self._waiting = False
        self._came = allocate_lock()
        self._came.acquire()

    @property
    def free(self) -> int:
        """How many are free."""
        return self._free

    def acquire_nowait(self) -> bool:
        """Take a permit, if one is free."""
        with self._guard:
            if self._free <= 0:
                return False
            self._free -= 1
            return True

    def acquire(self, timeout_s: float) -> bool:
        """Take a permit; False where none came free within timeout_s."""
        if self.acquire_nowait():
            return True
        with self._turn:
            with self._guard:
                if self._free > 0:
                    self._free -= 1
                    return True
                self._waiting = True
            if self._came.acquire(timeout=timeout_s):
                return True
            with self._guard:
                if self._waiting:
                    self._waiting = False
                    return False
            # It came in the moment between: it is ours, and its signal must not stay behind.
            self._came.acquire()
            return True

    def release(self) -> None:
        """Give one back."""
        with self._guard:
            if not self._waiting:
                self._free += 1
                return
            self._waiting = False
        self._came.release()
