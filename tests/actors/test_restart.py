"""What a supervisor decides, as pure arithmetic."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from motia_actors.actors.restart import (
    GiveUp,
    Restart,
    RestartKind,
    RestartPolicy,
    Strategy,
    affected,
    decide,
    suspension_s,
    wants_restart,
)

POLICY = RestartPolicy(restarts_max=3, window_s=10.0, delay_s=0.5, delay_s_max=3.0)


@pytest.mark.parametrize(("count", "delay_s"), [(1, 0.5), (2, 1.0), (3, 2.0)])
def test_each_failure_in_the_window_doubles_the_delay(count: int, delay_s: float) -> None:
    assert decide(POLICY, [100.0] * count, now_s=100.0) == Restart(delay_s)


def test_the_delay_has_a_limit() -> None:
    policy = RestartPolicy(restarts_max=100, window_s=10.0, delay_s=0.5, delay_s_max=3.0)

    assert decide(policy, [100.0] * 90, now_s=100.0) == Restart(3.0)


def test_one_failure_more_than_allowed_gives_up_with_the_figures() -> None:
    decision = decide(POLICY, [100.0] * 4, now_s=100.0)

    assert decision == GiveUp("4 failures in 10 s")


def test_failures_before_the_window_do_not_count() -> None:
    assert decide(POLICY, [1.0, 2.0, 3.0, 100.0], now_s=100.0) == Restart(0.5)


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=200), st.integers(0, 300))
def test_a_decision_never_waits_longer_than_its_limit(
    failures_s: list[float], restarts_max: int
) -> None:
    policy = RestartPolicy(restarts_max=restarts_max, window_s=1e10, delay_s=0.1, delay_s_max=7.0)

    decision = decide(policy, failures_s, now_s=1e9)

    assert isinstance(decision, GiveUp) == (len(failures_s) > restarts_max)
    assert isinstance(decision, GiveUp) or 0.1 <= decision.delay_s <= 7.0


@pytest.mark.parametrize(
    ("kind", "after_failure", "after_end"),
    [("permanent", True, True), ("transient", True, False), ("temporary", False, False)],
)
def test_who_comes_back(kind: RestartKind, *, after_failure: bool, after_end: bool) -> None:
    assert wants_restart(kind, is_failure=True) is after_failure
    assert wants_restart(kind, is_failure=False) is after_end


@pytest.mark.parametrize(
    ("strategy", "names"),
    [
        ("one_for_one", ["b"]),
        ("one_for_all", ["a", "b", "c"]),
        ("rest_for_one", ["b", "c"]),
    ],
)
def test_who_restarts_with_a_failed_sibling(strategy: Strategy, names: list[str]) -> None:
    assert affected(strategy, ["a", "b", "c"], "b") == names


def test_suspensions_grow_and_have_a_limit() -> None:
    policy = RestartPolicy(delay_s=0.1, delay_s_max=30.0)

    rests_s = [suspension_s(policy, count=count) for count in (1, 2, 3, 50)]

    assert rests_s == [1.0, 2.0, 4.0, 30.0]
