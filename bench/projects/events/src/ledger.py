"""When each event of this process was handled, and how long after its emit."""

from __future__ import annotations

import time

latencies_s: list[float] = []
last_s: list[float] = [0.0]


def add(emitted_s: float) -> None:
    """Note that an event was handled now."""
    now_s = time.monotonic()
    latencies_s.append(now_s - emitted_s)
    last_s[0] = now_s


def clear() -> None:
    """Forget all."""
    latencies_s.clear()
