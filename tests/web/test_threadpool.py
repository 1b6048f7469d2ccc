"""The pool that answers requests."""

from __future__ import annotations

from motia_actors.threads import Signal, allocate_lock
from motia_actors.web.threadpool import ThreadPool

WAIT_S_MAX = 5.0


def make_pool(*, waiting_max: int, size: int = 1) -> ThreadPool:
    """A pool that looks at once for what nobody has taken."""
    return ThreadPool(size, waiting_max=waiting_max, later=lambda look: look())


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
    pool, began, gate, ran = make_pool(waiting_max=1), Signal(), allocate_lock(), Signal()
    gate.acquire()

    def stuck() -> bool:
        began.set()
        gate.acquire()
        return False

    pool.give_nowait(stuck)
    assert began.wait(WAIT_S_MAX)

    def run() -> bool:
        ran.set()
        return True

    pool.give_nowait(run)

    pool.replace()

    assert ran.wait(WAIT_S_MAX)
    gate.release()
    pool.stop()
