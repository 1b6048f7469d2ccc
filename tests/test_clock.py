"""Clocks: the machine's goes on, the manual one only when told."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from motia_actors.clock import Clock, ManualClock, SystemClock
from motia_actors.threads import NativeThread

WAIT_S_MAX = 5.0


def test_the_system_clock_tells_the_machines_time() -> None:
    before_s = time.time()

    now_s = SystemClock().now_s()

    assert before_s <= now_s <= time.time()


def test_the_system_clock_never_goes_back_where_it_says_so() -> None:
    clock = SystemClock()

    read = [clock.monotonic_s() for _ in range(100)]

    assert read == sorted(read)


def test_a_manual_clock_stands_still() -> None:
    clock = ManualClock(100.0)

    assert [clock.now_s(), clock.monotonic_s(), clock.now_s()] == [100.0] * 3


@given(st.lists(st.floats(0, 1e6), max_size=20))
def test_a_manual_clock_moves_both_hands_by_what_it_is_told(steps: list[float]) -> None:
    clock = ManualClock(0.0)

    for step in steps:
        clock.advance(step)

    assert clock.now_s() == pytest.approx(sum(steps))
    assert clock.monotonic_s() == clock.now_s()


def test_a_manual_clock_does_not_go_back() -> None:
    with pytest.raises(AssertionError, match="does not go back"):
        ManualClock().advance(-0.1)


def test_no_advance_of_several_threads_is_lost() -> None:
    clock: ManualClock = ManualClock(0.0)

    def advance() -> None:
        for _ in range(1000):
            clock.advance(1.0)

    threads = [NativeThread(advance, name=f"hand-{count}") for count in range(4)]
    for thread in threads:
        thread.start()

    assert all(thread.join(WAIT_S_MAX) for thread in threads)
    assert clock.now_s() == 4000.0


def test_both_keep_the_contract() -> None:
    clocks: list[Clock] = [SystemClock(), ManualClock()]

    assert all(clock.now_s() > 1_600_000_000 for clock in clocks)
