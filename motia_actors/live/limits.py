"""The limits of live streams, for one process."""

from __future__ import annotations

import msgspec


class LiveLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of what clients may cost.

    `clients_max` counts sockets and event streams together. One client may have
    `subscriptions_max` of them open and make `joins_per_s_max` a second, a second's worth at
    once; what comes sooner waits. `message_bytes_max` is of what a client says, uncompressed,
    `queue_bytes_max` of what waits for a client that does not keep up.
    """

    clients_max: int = 10_000
    subscriptions_max: int = 1_000
    joins_per_s_max: int = 200
    message_bytes_max: int = 64 * 1024
    queue_bytes_max: int = 4 * 1024 * 1024


class Allowance:
    """Joins that a client may make now: a bucket that fills with time.

    Args:
        per_s: So many a second, and no more than that at once.
        now_s: By the monotonic clock, as everywhere here.
    """

    __slots__ = ("_filled_s", "_left", "_per_s")

    def __init__(self, per_s: int, *, now_s: float) -> None:
        self._per_s, self._left, self._filled_s = per_s, float(per_s), now_s

    def take(self, now_s: float) -> float:
        """Take one; answers 0, or in how many seconds there will be one: then nothing is taken."""
        self._left = min(self._per_s, self._left + (now_s - self._filled_s) * self._per_s)
        self._filled_s = now_s
        if self._left >= 1:
            self._left -= 1
            return 0.0
        return (1 - self._left) / self._per_s
