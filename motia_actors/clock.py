"""What time it is: the system's clock, and one that tests turn by hand."""

from __future__ import annotations

import time
from typing import Protocol

from motia_actors.threads import allocate_lock


class Clock(Protocol):
    """Tells the time in seconds. Any thread may ask."""

    def now_s(self) -> float:
        """Seconds since 1970-01-01 UTC: what is stored, shown and compared across processes."""
        ...

    def monotonic_s(self) -> float:
        """Seconds that never go back: for limits and waits inside one process."""
        ...


class SystemClock(Clock):
    """The machine's clock."""

    # The functions themselves: every request asks several times.
    now_s = staticmethod(time.time)
    monotonic_s = staticmethod(time.monotonic)


class ManualClock(Clock):
    """A clock that stands until `advance` is called."""

    def __init__(self, now_s: float = 1_700_000_000.0) -> None:
        self._now_s = now_s
        self._lock = allocate_lock()

    def now_s(self) -> float:
        """The time it was set to."""
        return self._now_s

    def monotonic_s(self) -> float:
        """The same time: one hand moves both."""
        return self._now_s

    def advance(self, seconds: float) -> None:
        """Move on by seconds, which must not be negative."""
        assert seconds >= 0, "a clock does not go back"
        with self._lock:
            self._now_s += seconds

    def go_to(self, now_s: float) -> None:
        """Move on to exactly now_s, which must not be over."""
        with self._lock:
            assert now_s >= self._now_s, "a clock does not go back"
            self._now_s = now_s
