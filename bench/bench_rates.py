"""What a rate limit costs a request: a bucket in shared memory, by number of threads.

python -m bench.bench_rates
"""

from __future__ import annotations

import tempfile
import threading
import time
from pathlib import Path

from motia_actors.steps.config import RateLimit
from motia_actors.web.rates import RateTable

CALLS = 20_000
LIMIT = RateLimit(count=1_000_000, period_s=60.0)


def main() -> None:
    """Print microseconds a call."""
    with tempfile.TemporaryDirectory() as folder:
        for kind, path in (("shared", Path(folder) / "rates"), ("own", None)):
            for count in (1, 4):
                table = RateTable(path, time.time)
                print(f"{kind:8} {count} threads  {micros(table, count):6.2f} µs a call")
                table.close()


def micros(table: RateTable, count: int) -> float:
    """The time of one call, all threads asking about clients of their own."""

    def ask(number: int) -> None:
        for call in range(CALLS // count):
            table.take(b"%d-%d" % (number, call % 1000), LIMIT)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(count)]
    begun_s = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return (time.perf_counter() - begun_s) / CALLS * 1e6


if __name__ == "__main__":
    main()
