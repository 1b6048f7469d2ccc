"""Threads for synchronous parts: reused, kept up to a limit, never short of one."""

from __future__ import annotations

import _thread
from functools import partial

import pytest

from motia_actors.runners.pool import ThreadPool
from motia_actors.threads import Signal


def test_a_job_answers_with_what_it_returns_or_raises() -> None:
    pool = ThreadPool()

    assert pool.submit(lambda: 5).result(5.0) == 5
    with pytest.raises(SystemExit):
        pool.submit(exit_now).result(5.0)
    pool.close()


def exit_now() -> None:
    raise SystemExit


def test_jobs_that_wait_for_each_other_all_get_a_thread() -> None:
    pool = ThreadPool(idle_max=1)
    count = 20
    signals = [Signal() for _ in range(count)]

    def waits(index: int) -> int:
        assert signals[index].wait(5.0)
        return _thread.get_ident()

    promises = [pool.submit(partial(waits, index)) for index in range(count)]
    for signal in signals:
        signal.set()

    assert len({promise.result(5.0) for promise in promises}) == count
    pool.close()


def test_a_closed_pool_still_runs_what_it_is_given() -> None:
    pool = ThreadPool()
    pool.submit(lambda: None).result(5.0)
    pool.close()

    assert pool.submit(lambda: 1).result(5.0) == 1
    assert pool._idle == []
