"""Decide what becomes of a delivery whose handler failed.

Pure: the router carries the decision out.
"""

from __future__ import annotations

import msgspec

from motia_actors.messages import Failed
from motia_actors.steps.config import Backoff, QueuePolicy


class RetryIn(msgspec.Struct, frozen=True):
    """Run it again in delay_s."""

    delay_s: float


class BuryIt(msgspec.Struct, frozen=True):
    """Keep it as a dead letter; error says what it died of, stack where."""

    error: str
    stack: str = ""


def after_failure(
    policy: QueuePolicy, failed: Failed, *, attempt: int, chance: float
) -> RetryIn | BuryIt:
    """Retry until 1 + retries_max runs are used up; what a retry cannot mend is buried at once.

    Args:
        policy: The step's queue settings.
        failed: How the handler failed.
        attempt: Which run this was, counted from 1.
        chance: A random number from 0 to 1, for the jitter.
    """
    if failed.is_final or attempt > policy.retries_max:
        return BuryIt(f"{failed.kind}: {failed.message}", failed.stack)
    return RetryIn(delay_s=delay_s(policy.backoff, attempt=attempt, chance=chance))


def delay_s(backoff: Backoff, *, attempt: int, chance: float) -> float:
    """Seconds to wait after the attempt-th run: jitter j spreads them over [1-j, 1+j] times."""
    factor = {"fixed": 1.0, "linear": float(attempt), "exponential": 2.0 ** min(attempt - 1, 64)}
    whole = min(backoff.delay_s_max, backoff.delay_s * factor[backoff.type])
    return whole * (1.0 + backoff.jitter * (2.0 * chance - 1.0))
