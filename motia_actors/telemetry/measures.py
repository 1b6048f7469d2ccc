"""Figures that only grow, or stand: what one process counted, and the sum over several.

Samples are plain data, by metric and by the values of its labels, so that they travel as JSON.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

import msgspec

BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of a histogram of durations; above the last one there is no bound."""
_BETWEEN = "\x1f"


class Histogram:
    """How many durations fell between which bounds. Any thread may add.

    Where two threads add at the same moment one may be lost, which costs less than a lock would.
    """

    __slots__ = ("_counts", "_sum_s")

    def __init__(self) -> None:
        self._counts = [0] * (len(BOUNDS_S) + 1)
        self._sum_s = 0.0

    def add(self, took_s: float) -> None:
        """Count one duration."""
        self._counts[bisect_left(BOUNDS_S, took_s)] += 1
        self._sum_s += took_s

    def values(self) -> list[float]:
        """The count below each bound and above the last, and then the sum."""
        return [*self._counts, self._sum_s]


class Samples(msgspec.Struct):
    """Figures by metric, and by `labels` of their values."""

    counters: dict[str, dict[str, float]] = {}
    gauges: dict[str, dict[str, float]] = {}
    histograms: dict[str, dict[str, list[float]]] = {}

    def count(self, metric: str, value: float, *labels: str) -> None:
        """Set what was counted."""
        self.counters.setdefault(metric, {})[_BETWEEN.join(labels)] = float(value)

    def gauge(self, metric: str, value: float, *labels: str) -> None:
        """Set what is now."""
        self.gauges.setdefault(metric, {})[_BETWEEN.join(labels)] = float(value)

    def observe(self, metric: str, values: list[float], *labels: str) -> None:
        """Set what a histogram has."""
        self.histograms.setdefault(metric, {})[_BETWEEN.join(labels)] = values

    def value(self, metric: str, *labels: str) -> float:
        """What was counted or is now; 0 where nothing is known."""
        key = _BETWEEN.join(labels)
        counted = self.counters.get(metric, {}).get(key)
        return self.gauges.get(metric, {}).get(key, 0.0) if counted is None else counted


def labels_of(key: str) -> Sequence[str]:
    """The values of the labels that a key of samples was made of."""
    return key.split(_BETWEEN) if key else ()


def add(into: Samples, more: Samples, *, is_alive: bool = True) -> None:
    """Add more to into; what a dead process has is no more, what it counted happened."""
    _add_numbers(into.counters, more.counters)
    if is_alive:
        _add_numbers(into.gauges, more.gauges)
    for metric, by_labels in more.histograms.items():
        mine = into.histograms.setdefault(metric, {})
        for labels, values in by_labels.items():
            old = mine.get(labels)
            # Of another version, with other bounds: then the newer stands alone.
            if old is None or len(old) != len(values):
                mine[labels] = list(values)
            else:
                mine[labels] = [one + other for one, other in zip(old, values, strict=True)]


def _add_numbers(into: dict[str, dict[str, float]], more: dict[str, dict[str, float]]) -> None:
    for metric, by_labels in more.items():
        mine = into.setdefault(metric, {})
        for labels, value in by_labels.items():
            mine[labels] = mine.get(labels, 0.0) + value
