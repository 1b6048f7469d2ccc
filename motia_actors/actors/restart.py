"""Decide what a supervisor does when a child fails.

Pure: no threads, no clock, no log. `supervisor.py` carries the decision out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

Strategy = Literal["one_for_one", "one_for_all", "rest_for_one"]
RestartKind = Literal["permanent", "transient", "temporary"]


class RestartPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """At most restarts_max restarts in window_s, ever later: delay_s, twice that, … delay_s_max."""

    restarts_max: int = 5
    window_s: float = 60.0
    delay_s: float = 0.1
    delay_s_max: float = 30.0


class Restart(msgspec.Struct, frozen=True):
    """Start the child again in delay_s."""

    delay_s: float


class GiveUp(msgspec.Struct, frozen=True):
    """Do not start it again; reason is for people."""

    reason: str


Decision = Restart | GiveUp


def decide(policy: RestartPolicy, failures_s: Sequence[float], *, now_s: float) -> Decision:
    """Restart or give up, by failures_s: when the child failed, this time included.

    The n-th failure within the window waits 2^(n-1) times delay_s.
    """
    recent = [at_s for at_s in failures_s if now_s - at_s < policy.window_s]
    if len(recent) > policy.restarts_max:
        return GiveUp(f"{len(recent)} failures in {policy.window_s:g} s")
    return Restart(delay_s=_doubled(policy.delay_s, policy.delay_s_max, count=len(recent)))


def wants_restart(kind: RestartKind, *, is_failure: bool) -> bool:
    """A permanent child always comes back, a transient one after a failure, a temporary never."""
    return kind == "permanent" or (kind == "transient" and is_failure)


def affected(strategy: Strategy, names: Sequence[str], failed: str) -> list[str]:
    """The children that stop and start with the failed one, in the order they were started."""
    index = names.index(failed)
    if strategy == "one_for_all":
        return list(names)
    return list(names[index:]) if strategy == "rest_for_one" else [failed]


def suspension_s(policy: RestartPolicy, *, count: int) -> float:
    """How long a child rests that was given up for the count-th time in a row."""
    return _doubled(max(policy.delay_s, 1.0), policy.delay_s_max, count=count)


def _doubled(first_s: float, max_s: float, *, count: int) -> float:
    # 2.0 ** 64 is far past any limit in seconds and still a float.
    return float(min(max_s, first_s * 2.0 ** min(max(count - 1, 0), 64)))
