"""Run alternatives in turns, so that a slow spell of the machine meets them all."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Sequence

import msgspec

from bench.rows import Curve, Result, Sample, Spread


class Alternative(msgspec.Struct, frozen=True, kw_only=True):
    """One way to do the same work: `turn` does it for so many seconds."""

    name: str
    turn: Callable[[float], Sample]
    ratio_to: str
    curve: Curve | None = None


def take_turns(alternatives: Sequence[Alternative], *, seconds: float, rounds: int) -> list[Result]:
    """Let every alternative have its turn in each round, after one short turn to warm up."""
    for alternative in alternatives:
        alternative.turn(min(seconds, 0.3))
    samples: dict[str, list[Sample]] = {alternative.name: [] for alternative in alternatives}
    for number in range(1, rounds + 1):
        for alternative in alternatives:
            sample = alternative.turn(seconds)
            samples[alternative.name].append(sample)
            _tell(
                f"round {number}/{rounds}  {alternative.name:32} {sample.per_s:10,.0f}/s  "
                f"p50 {sample.p50_ms:.3f} ms  p99 {sample.p99_ms:.3f} ms  {sample.cpu_us:.0f} µs"
            )
    return [
        _result(alternative, samples[alternative.name], samples[alternative.ratio_to])
        for alternative in alternatives
    ]


def _result(
    alternative: Alternative, samples: Sequence[Sample], compared: Sequence[Sample]
) -> Result:
    # Within a round, because what the machine does else changes less there than in a whole run.
    ratios = [one.per_s / other.per_s for one, other in zip(samples, compared, strict=True)]
    return Result(
        name=alternative.name,
        per_s=Spread.of([sample.per_s for sample in samples]),
        p50_ms=Spread.of([sample.p50_ms for sample in samples]),
        p99_ms=Spread.of([sample.p99_ms for sample in samples]),
        cpu_us=Spread.of([sample.cpu_us for sample in samples]),
        ratio=Spread.of(ratios),
        ratio_to=alternative.ratio_to,
        more={
            name: Spread.of([sample.more[name] for sample in samples]) for name in samples[0].more
        },
        each=_each(samples),
        quantiles_ms=_quantiles(samples),
        curve=alternative.curve,
    )


def _each(samples: Sequence[Sample]) -> dict[str, list[float]]:
    return {
        "per_s": [sample.per_s for sample in samples],
        "p50_ms": [sample.p50_ms for sample in samples],
        "p99_ms": [sample.p99_ms for sample in samples],
        "cpu_us": [sample.cpu_us for sample in samples],
        **{name: [sample.more[name] for sample in samples] for name in samples[0].more},
    }


def _quantiles(samples: Sequence[Sample]) -> list[float]:
    """The middle of all rounds at each quantile."""
    known = [sample.quantiles_ms for sample in samples if sample.quantiles_ms]
    return [statistics.median(column) for column in zip(*known, strict=True)]


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
