"""The figures of a step."""

from __future__ import annotations

import pytest

from motia_actors.actors.meter import RUNS_MAX, Meter


def test_a_new_meter_shows_nothing() -> None:
    figures = Meter().figures(now_s=1.0, in_flight=0)

    assert (figures.handled, figures.per_s, figures.p99_s) == (0, 0.0, 0.0)


def test_runs_and_failures_are_counted() -> None:
    meter = Meter()

    meter.end(1.0, 0.5, is_failure=True)
    meter.end(1.5, 0.5, is_failure=False)

    figures = meter.figures(now_s=2.0, in_flight=1)
    assert (figures.in_flight, figures.handled, figures.failed) == (1, 2, 1)


def test_rates_and_latencies_are_those_of_the_last_runs() -> None:
    meter = Meter()
    for n in range(RUNS_MAX + 100):
        meter.end(float(n), 0.1 if n < 100 else n / 1000, is_failure=False)

    figures = meter.figures(now_s=float(RUNS_MAX + 100), in_flight=0)

    assert figures.per_s == pytest.approx(1.0)
    assert figures.p50_s == pytest.approx(0.356)
    assert figures.p99_s == pytest.approx(0.606)
