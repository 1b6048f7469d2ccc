"""The figures of a step."""

from __future__ import annotations

import pytest

from motia_actors.actors.meter import RUNS_MAX, Meter


def test_a_new_meter_shows_nothing() -> None:
    figures = Meter().figures(now_s=1.0)

    assert (figures.handled, figures.per_s, figures.p99_s) == (0, 0.0, 0.0)


def test_runs_are_counted_while_they_last_and_after() -> None:
    meter = Meter()

    meter.begin()
    meter.begin()
    meter.end(now_s=1.0, ran_s=0.5, is_failure=True)

    figures = meter.figures(now_s=2.0)
    assert (figures.in_flight, figures.handled, figures.failed) == (1, 1, 1)


def test_rates_and_latencies_are_those_of_the_last_runs() -> None:
    meter = Meter()
    for n in range(RUNS_MAX + 100):
        meter.begin()
        meter.end(now_s=float(n), ran_s=0.1 if n < 100 else n / 1000, is_failure=False)

    figures = meter.figures(now_s=float(RUNS_MAX + 100))

    assert figures.per_s == pytest.approx(1.0)
    assert figures.p50_s == pytest.approx(0.356)
    assert figures.p99_s == pytest.approx(0.606)
