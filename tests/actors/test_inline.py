"""Caller-runs: quick steps run on the asker's thread, and a hang is survived."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from motia_actors.actors.inline import (
    CALLS_MIN,
    HELD_S,
    QUICK_S,
    SWIFT_CALLS_MAX,
    SWIFT_CALLS_MIN,
    SWIFT_S,
    Permits,
    Trust,
)
from motia_actors.actors.plan import StepPlan
from motia_actors.actors.work import Work
from motia_actors.errors import DesertedError
from motia_actors.messages import Call, Returned
from motia_actors.promise import Promise
from motia_actors.steps.config import Infrastructure, SupervisionPolicy
from motia_actors.threads import NativeThread, Signal
from tests.actors.rig import WAIT_S, Rig, call, plan


def test_trust_is_earned_by_quick_calls_in_a_row() -> None:
    trust = Trust()

    for _ in range(CALLS_MIN):
        assert not trust.is_given
        trust.seen(QUICK_S / 2)

    assert trust.is_given
    trust.seen(QUICK_S)
    assert not trust.is_given


def test_trust_that_was_lost_does_not_come_back() -> None:
    trust = Trust()

    trust.lose()
    for _ in range(2 * CALLS_MIN):
        trust.seen(0.0)

    assert not trust.is_given


def swift_calls(trust: Trust) -> int:
    """How many more swift calls in a row it takes."""
    for count in range(2 * SWIFT_CALLS_MAX):
        if trust.is_swift:
            return count
        trust.seen(SWIFT_S / 2)
    raise AssertionError("never")


def test_a_step_is_swift_after_many_calls_in_a_row_that_take_next_to_no_time() -> None:
    trust = Trust()

    assert swift_calls(trust) == SWIFT_CALLS_MIN
    trust.seen(SWIFT_S)
    assert not trust.is_swift
    assert trust.is_given

    assert swift_calls(trust) == SWIFT_CALLS_MIN


def test_a_step_that_held_up_others_takes_twice_as_long_to_be_swift_again() -> None:
    trust, counts = Trust(), list[int]()

    for _ in range(10):
        counts.append(swift_calls(trust))
        trust.seen(HELD_S)
        trust.seen(HELD_S)  # It holds nobody up where it is not trusted with that.

    assert counts[:3] == [SWIFT_CALLS_MIN, 2 * SWIFT_CALLS_MIN, 4 * SWIFT_CALLS_MIN]
    assert counts[-1] == SWIFT_CALLS_MAX


def test_a_call_that_did_not_come_back_at_once_ends_it_and_so_does_a_hang() -> None:
    trust = Trust()
    swift_calls(trust)

    trust.waited(is_long=False)
    assert not trust.is_swift
    swift_calls(trust)
    trust.lose()

    assert not trust.is_swift


def test_no_more_permits_are_given_than_there_are() -> None:
    permits = Permits(2)

    taken = [permits.acquire_nowait() for _ in range(3)]
    permits.release()

    assert taken == [True, True, False]
    assert permits.acquire(0.0)
    assert not permits.acquire(0.01)


def test_who_waits_for_a_permit_gets_the_one_given_back() -> None:
    permits, got = Permits(1), Signal()
    assert permits.acquire_nowait()
    waiter = NativeThread(lambda: got.set() if permits.acquire(WAIT_S) else None, name="waiter")
    waiter.start()

    permits.release()

    assert got.wait(WAIT_S)
    assert permits.free == 0
    assert waiter.join(WAIT_S)


def test_many_threads_share_permits_without_losing_one() -> None:
    permits, inside, most = Permits(3), [0], [0]
    lock = threading.Lock()

    def work() -> None:
        for _ in range(200):
            assert permits.acquire(WAIT_S)
            with lock:
                inside[0] += 1
                most[0] = max(most[0], inside[0])
            with lock:
                inside[0] -= 1
            permits.release()

    threads = [NativeThread(work, name="worker") for _ in range(8)]
    for thread in threads:
        thread.start()

    assert all(thread.join(WAIT_S) for thread in threads)
    assert (permits.free, most[0] <= 3) == (3, True)


@contextmanager
def trusting(step: StepPlan) -> Iterator[Rig]:
    """A system whose askers may run step, which has earned it."""
    rig = Rig(inline_max=2)
    rig.store.open()
    rig.system.start()
    rig.run(step)
    try:
        for _ in range(CALLS_MIN):
            rig.ask(step, "quick")
        yield rig
    finally:
        rig.system.stop(drain_s=1.0)
        rig.store.close()


def ask(rig: Rig, step: StepPlan, value: object, desert: Promise[None] | None = None) -> object:
    told = Promise[None]() if desert is None else desert
    return rig.system.ask(step.step.id, call(value), desert=lambda: _set(told))


def _set(promise: Promise[None]) -> None:
    promise.set(None)


@pytest.mark.parametrize("is_async", [False, True])
def test_a_trusted_step_runs_on_the_askers_thread(*, is_async: bool) -> None:
    async def where_async(call: Call) -> object:
        return threading.get_ident()

    def where(call: Call) -> object:
        return threading.get_ident()

    step = plan(where_async if is_async else where, is_async=is_async)

    with trusting(step) as rig:
        assert ask(rig, step, "x") == Returned(threading.get_ident())
        assert rig.ask(step, "x") != Returned(threading.get_ident())


@pytest.mark.parametrize("waits", [False, True])
def test_whoever_asks_is_told_before_he_waits_and_not_where_he_does_not(*, waits: bool) -> None:
    async def work(call: Call) -> object:
        if call.input == "wait":
            await asyncio.sleep(0.001)
        return None

    step, told = plan(work, is_async=True), list[bool]()

    with trusting(step) as rig:
        for _ in range(SWIFT_CALLS_MIN):
            ask(rig, step, "x")
        assert rig.system.is_swift(step.step.id)
        rig.system.ask(
            step.step.id,
            call("wait" if waits else "x"),
            desert=lambda: None,
            on_wait=lambda: told.append(True),
        )

        assert told == [True] * waits
        assert rig.system.is_swift(step.step.id) is not waits


def test_an_async_handler_that_waits_goes_on_on_the_actors_thread() -> None:
    async def work(call: Call) -> object:
        first = threading.get_ident()
        if call.input == "wait":
            await asyncio.sleep(0.001)
        return (first == asker, threading.get_ident() == asker)

    asker = threading.get_ident()
    step = plan(work, is_async=True)

    with trusting(step) as rig:
        answers = [ask(rig, step, value) for value in ("wait", "x", "wait")]

    assert answers == [Returned((True, False)), Returned((True, True)), Returned((True, False))]


def test_two_askers_share_one_loop() -> None:
    async def work(call: Call) -> object:
        await asyncio.sleep(0)
        loops.add(id(asyncio.get_running_loop()))
        return call.input

    loops: set[int] = set()
    step = plan(work, is_async=True)
    with trusting(step) as rig:
        answers: list[object] = []

        def many(first: int) -> None:
            answers.extend(ask(rig, step, n) for n in range(first, first + 100))

        threads = [NativeThread(lambda n=n: many(100 * n), name="asker") for n in range(4)]  # type: ignore[misc]
        for thread in threads:
            thread.start()
        assert all(thread.join(WAIT_S) for thread in threads)

    assert sorted(answers, key=repr) == sorted(map(Returned, range(400)), key=repr)
    assert len(loops) == 1


@pytest.mark.parametrize("is_async", [False, True])
def test_a_hang_on_the_askers_thread_is_answered_by_another(*, is_async: bool) -> None:
    release = threading.Event()

    def work(call: Call) -> object:
        if call.input == "hang":
            release.wait(WAIT_S)
        return call.input

    async def work_async(call: Call) -> object:
        return work(call)

    patient = Infrastructure(supervision=SupervisionPolicy(backoff_s=0.01))
    step = plan(
        work_async if is_async else work,
        is_async=is_async, limit_s=0.1, concurrency=1, infrastructure=patient,
    )  # fmt: skip
    came_back: Promise[object] = Promise()

    with trusting(step) as rig:
        deserted: Promise[None] = Promise()

        def hang() -> None:
            try:
                came_back.set(ask(rig, step, "hang", deserted))
            except DesertedError as error:
                came_back.set_error(error)

        asker = NativeThread(hang, name="asker")
        asker.start()
        deserted.result(WAIT_S)
        lost = rig.system.has_lost_threads
        answer = _patiently(rig, step)
        release.set()

        assert lost
        assert answer == Returned("after")
        with pytest.raises(DesertedError):
            came_back.result(WAIT_S)
        assert asker.join(WAIT_S)


def _patiently(rig: Rig, step: StepPlan) -> object:
    """Ask with time enough for the actor to be replaced."""
    work = Work(call("after"), limit_s=WAIT_S)
    rig.system.table.ports[step.step.id].cell.mailbox.put(work)
    return work.answer.result(WAIT_S)
