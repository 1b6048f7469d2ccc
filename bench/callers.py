"""Threads that call the same thing over and over, for a while."""

from __future__ import annotations

import threading
import time
from array import array
from collections.abc import Callable

from bench.rows import Sample, percentile_ms, quantiles_ms

CALLER_STRIDE = 1 << 32
"""Numbers of calls: caller 0 counts from 0, caller 1 from here, and so on."""


def call_for(seconds: float, operation: Callable[[int], object], *, callers: int = 1) -> Sample:
    """Call operation from so many threads, each with the number of the call.

    `cpu_us` is that of the whole process.
    """
    latencies = [array("d") for _ in range(callers)]
    errors: list[BaseException] = []
    gate = threading.Barrier(callers + 1)

    def call(caller: int) -> None:
        number, taken, clock = caller * CALLER_STRIDE, latencies[caller], time.perf_counter
        gate.wait()
        until_s = clock() + seconds
        try:
            end_s = clock()
            while end_s < until_s or not taken:
                begin_s = end_s
                operation(number)
                end_s = clock()
                taken.append(end_s - begin_s)
                number += 1
        except BaseException as error:  # noqa: BLE001 (raised below, on the asking thread)
            errors.append(error)

    threads = [threading.Thread(target=call, args=(caller,)) for caller in range(callers)]
    for thread in threads:
        thread.start()
    gate.wait()
    begin_s, cpu_s = time.perf_counter(), time.process_time()
    for thread in threads:
        thread.join()
    elapsed_s, cpu_s = time.perf_counter() - begin_s, time.process_time() - cpu_s
    if errors:
        raise errors[0]
    return sample_of([one for taken in latencies for one in taken], elapsed_s, cpu_s)


def sample_of(latencies_s: list[float], elapsed_s: float, cpu_s: float, *, each: int = 1) -> Sample:
    """Make a sample of calls that did `each` operations at once."""
    count = len(latencies_s) * each
    return Sample(
        per_s=count / elapsed_s,
        p50_ms=percentile_ms(latencies_s, 0.5),
        p99_ms=percentile_ms(latencies_s, 0.99),
        cpu_us=cpu_s / count * 1e6,
        quantiles_ms=quantiles_ms(latencies_s),
    )
