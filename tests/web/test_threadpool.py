"""The pool that answers requests."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from motia_actors.threads import Lock, NativeThread, Signal, allocate_lock
from motia_actors.web.threadpool import ThreadPool

WAIT_S_MAX = 5.0


def make_pool(*, waiting_max: int, size: int = 1) -> ThreadPool:
    """A pool that looks at once for what nobody has taken."""
    return ThreadPool(size, waiting_max=waiting_max, later=lambda look: look())


def ringing(signal: Signal) -> Callable[[], bool]:
    """A job that sets signal."""

    def job() -> bool:
        signal.set()
        return True

    return job


def no_thread(_thread: NativeThread) -> None:
    raise RuntimeError("can't start new thread")


def stuck_in(pool: ThreadPool) -> Lock:
    """Have a thread of the pool stuck until this is released; it ends then."""
    began, gate = Signal(), allocate_lock()
    gate.acquire()

    def stuck() -> bool:
        began.set()
        gate.acquire()
        return False

    pool.give_nowait(stuck)
    assert began.wait(WAIT_S_MAX)
    return gate


def test_a_job_behind_a_busy_thread_goes_to_another() -> None:
    pool, gate, ran = make_pool(size=2, waiting_max=5), allocate_lock(), Signal()
    gate.acquire()

    def run() -> bool:
        ran.set()
        return True

    pool.give_nowait(gate.acquire)
    pool.give_nowait(run)

    assert ran.wait(WAIT_S_MAX)
    gate.release()
    pool.stop()


def test_jobs_run_in_the_order_they_came() -> None:
    pool, seen, finished = make_pool(waiting_max=100), list[int](), Signal()

    def job(number: int) -> bool:
        seen.append(number)
        if number == 49:
            finished.set()
        return True

    assert all(pool.give_nowait(lambda number=number: job(number)) for number in range(50))  # type: ignore[misc]

    assert finished.wait(WAIT_S_MAX)
    assert seen == list(range(50))
    pool.stop()


def test_a_job_over_the_limit_is_refused_while_every_thread_is_busy() -> None:
    pool, began, gate = make_pool(waiting_max=1), Signal(), allocate_lock()
    gate.acquire()

    def busy() -> bool:
        began.set()
        gate.acquire()
        return True

    pool.give_nowait(busy)
    assert began.wait(WAIT_S_MAX)

    assert [pool.give_nowait(lambda: True) for _ in range(2)] == [True, False]
    gate.release()
    pool.stop()


def test_a_stuck_thread_is_replaced_and_ends_when_it_comes_back() -> None:
    pool, ran = make_pool(waiting_max=1), Signal()
    gate = stuck_in(pool)

    def run() -> bool:
        ran.set()
        return True

    pool.give_nowait(run)

    pool.replace()

    assert ran.wait(WAIT_S_MAX)
    gate.release()
    pool.stop()


def test_after_any_number_of_stuck_threads_as_many_as_ever_run_at_a_time() -> None:
    pool = make_pool(size=2, waiting_max=5)

    for _ in range(3):
        began, gate = Signal(), allocate_lock()
        gate.acquire()

        def stuck(began: Signal = began, gate: Lock = gate) -> bool:
            began.set()
            gate.acquire()
            return False

        pool.give_nowait(stuck)
        assert began.wait(WAIT_S_MAX)
        pool.replace()
        gate.release()

    began, beside, gate = Signal(), Signal(), allocate_lock()
    gate.acquire()

    def busy() -> bool:
        began.set()
        return gate.acquire()

    pool.give_nowait(busy)
    assert began.wait(WAIT_S_MAX)
    pool.give_nowait(ringing(beside))

    assert beside.wait(WAIT_S_MAX)
    gate.release()
    pool.stop()


def test_without_a_thread_to_be_had_a_job_is_refused_and_the_next_tries_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pool, refused, taken = make_pool(waiting_max=5), Signal(), Signal()

    with monkeypatch.context() as limit:
        limit.setattr(NativeThread, "start", no_thread)
        assert not pool.give_nowait(ringing(refused))

    assert pool.give_nowait(ringing(taken))
    assert taken.wait(WAIT_S_MAX)
    assert not refused.wait(0.0)
    pool.stop()


def test_where_no_thread_can_take_a_stuck_ones_place_the_next_job_gets_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pool, ran = make_pool(waiting_max=5), Signal()
    gate = stuck_in(pool)
    with monkeypatch.context() as limit:
        limit.setattr(NativeThread, "start", no_thread)
        pool.replace()

    assert pool.give_nowait(ringing(ran))

    assert ran.wait(WAIT_S_MAX)
    gate.release()
    pool.stop()
