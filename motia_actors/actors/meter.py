"""Figures of one step: how much it did, how fast, how often it failed.

Kept where every call passes, so it costs little: single steps that need no lock, and a ring of
the last runs from which rates and latencies are worked out when somebody asks.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import count

import msgspec

from motia_actors.telemetry.measures import Histogram, Samples

RUNS_MAX = 512


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What a meter shows: `per_s` and the latencies are of the last runs alone."""

    in_flight: int
    handled: int
    failed: int
    retried: int
    buried: int
    per_s: float
    p50_s: float
    p99_s: float


class Meter:
    """Counts the runs of a step in this process, over all incarnations of its actor."""

    def __init__(self) -> None:
        self._handled = self._failed = self._retried = self._buried = 0
        self._next_handled, self._next_failed = count(1), count(1)
        self._next_retried, self._next_buried = count(1), count(1)
        self.durations = Histogram()
        self._runs: deque[tuple[float, float]] = deque(maxlen=RUNS_MAX)

    def end(self, now_s: float, ran_s: float, *, is_failure: bool) -> None:
        """A run ended at now_s, after ran_s."""
        self._runs.append((now_s, ran_s))
        self.durations.add(ran_s)
        self._handled = next(self._next_handled)
        if is_failure:
            self._failed = next(self._next_failed)

    def given_up(self, *, is_retried: bool) -> None:
        """A delivery failed, and is run again or became a dead letter."""
        if is_retried:
            self._retried = next(self._next_retried)
        else:
            self._buried = next(self._next_buried)

    def tell(self, samples: Samples, step: str) -> None:
        """Add what was counted to samples."""
        samples.count("motia_calls", self._handled - self._failed, step, "completed")
        samples.count("motia_calls", self._failed, step, "failed")
        samples.count("motia_retries", self._retried, step)
        samples.count("motia_dead_letters", self._buried, step)
        samples.observe("motia_call_duration_seconds", self.durations.values(), step)

    def figures(self, *, now_s: float, in_flight: int) -> Figures:
        """Show the figures as they are at now_s, by the clock that `end` was told."""
        runs = list(self._runs)
        took_s = sorted(ran_s for _ended_s, ran_s in runs)
        over_s = now_s - runs[0][0] if runs else 0.0
        return Figures(
            in_flight=in_flight,
            handled=self._handled,
            failed=self._failed,
            retried=self._retried,
            buried=self._buried,
            per_s=len(runs) / over_s if over_s > 0 else 0.0,
            p50_s=_quantile(took_s, 0.5),
            p99_s=_quantile(took_s, 0.99),
        )


def _quantile(ordered: Sequence[float], part: float) -> float:
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else 0.0
