"""A sample of events on their way: from emit to handled, and the emits themselves."""

from __future__ import annotations

from collections.abc import Sequence

from bench.rows import Sample, percentile_ms, quantiles_ms


def sample_of_flow(
    latencies_s: Sequence[float],
    emits_s: Sequence[float],
    *,
    elapsed_s: float,
    seconds: float,
    cpu_s: float,
) -> Sample:
    """Make a sample of what took elapsed_s from the first emit to the last event handled."""
    return Sample(
        per_s=len(latencies_s) / elapsed_s,
        p50_ms=percentile_ms(latencies_s, 0.5),
        p99_ms=percentile_ms(latencies_s, 0.99),
        cpu_us=cpu_s / len(latencies_s) * 1e6,
        more={
            "emits_per_s": len(emits_s) / seconds,
            "emit_p50_ms": percentile_ms(emits_s, 0.5),
            "emit_p99_ms": percentile_ms(emits_s, 0.99),
        },
        quantiles_ms=quantiles_ms(latencies_s),
    )
