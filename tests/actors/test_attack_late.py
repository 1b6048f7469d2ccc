"""Threads that come late: what they find is no longer theirs."""

from __future__ import annotations

import asyncio
import threading

import pytest

from motia_actors.actors.plan import StepPlan
from motia_actors.actors.step import StepActor
from motia_actors.messages import Call, Failed, Outcome, Returned
from motia_actors.promise import Promise
from motia_actors.threads import NativeThread, Signal
from tests.actors.rig import WAIT_S, Rig, call, plan, running

SHORT_S = 1.0


def asked(rig: Rig, step: StepPlan, value: object = None) -> Promise[Outcome]:
    """Ask on another thread; what is raised is the promise's error."""
    answer: Promise[Outcome] = Promise()

    def ask() -> None:
        try:
            answer.set(rig.system.ask(step.step.id, call(value)))
        except Exception as error:  # noqa: BLE001 (whoever waits must hear of it)
            answer.set_error(error)

    NativeThread(ask, name="asker").start()
    return answer


def actor_of(rig: Rig, step: StepPlan) -> StepActor:
    actor = rig.system.table.ports[step.step.id].cell.actor
    assert isinstance(actor, StepActor)
    return actor


def abandoned(rig: Rig, step: StepPlan) -> StepActor:
    """Give up the actor for the one call that runs, as the watchdog does, and wait for the next."""
    late = actor_of(rig, step)
    [work] = rig.system.running._works
    late.abandon(work)
    work.set(Failed(kind="TimeLimitError", message="late"))
    rig.ask(step)
    return late


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_replaced_step_ends_where_it_was_busy_for_long() -> None:
    began, free = Signal(), Signal()

    def old(call: Call) -> str:
        if call.input == "hold":
            began.set()
            free.wait(WAIT_S)
        return "old"

    first = plan(old, concurrency=1)
    with running(first) as rig:
        replaced = actor_of(rig, first)
        asked(rig, first, "hold")
        assert began.wait(WAIT_S)
        rig.run(plan(lambda _call: "new", concurrency=1))  # The old one is busy for too long.
        assert rig.ask(first) == Returned("new")
        free.set()

        assert replaced.join(SHORT_S), "the old version waits for calls again"


@pytest.mark.slow
def test_a_late_thread_leaves_its_successor_its_helpers() -> None:
    began, free, met = Signal(), Signal(), Signal()

    def handler(call: Call) -> bool:
        if call.input in ("stuck", "first"):
            began.set()
            return (free if call.input == "stuck" else met).wait(SHORT_S)
        if call.input == "second":
            met.set()
        return True

    step = plan(handler, concurrency=2)
    with running(step) as rig:
        asked(rig, step, "stuck")
        assert began.wait(WAIT_S)
        late = abandoned(rig, step)
        free.set()
        assert late.join(WAIT_S)

        first = asked(rig, step, "first")
        assert began.wait(WAIT_S)
        rig.ask(step, "second")

        assert first.result(WAIT_S) == Returned(True)


@pytest.mark.slow
def test_a_late_loop_leaves_its_successor_its_wakes() -> None:
    began, free, met = Signal(), Signal(), Signal()

    async def handler(call: Call) -> bool:
        if call.input == "stuck":
            began.set()
            return free.wait(WAIT_S)
        if call.input == "first":
            began.set()
            await asyncio.sleep(SHORT_S)
            return met.wait(0.0)
        if call.input == "second":
            met.set()
        return True

    step = plan(handler, is_async=True)
    with running(step) as rig:
        asked(rig, step, "stuck")
        assert began.wait(WAIT_S)
        late = abandoned(rig, step)
        first = asked(rig, step, "first")
        assert began.wait(WAIT_S)
        free.set()
        assert late.join(WAIT_S)
        asked(rig, step, "second")

        assert first.result(WAIT_S) == Returned(True)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_actor_that_ends_after_its_supervisor_ends_in_peace(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    began, free = Signal(), Signal()
    raised: list[object] = []
    monkeypatch.setattr(threading, "excepthook", lambda args: raised.append(args.exc_value))

    def handler(_call: Call) -> None:
        began.set()
        free.wait(WAIT_S)

    step = plan(handler, concurrency=1)
    with running(step) as rig:
        late = actor_of(rig, step)
        asked(rig, step)
        assert began.wait(WAIT_S)
        rig.system.stop(drain_s=0.0)
        free.set()
        assert late.join(WAIT_S)

    assert raised == []


@pytest.mark.slow
def test_two_calls_stuck_in_one_actor_do_not_count_as_running_for_ever() -> None:
    began, free, seen = Signal(), Signal(), Signal()

    def handler(_call: Call) -> None:
        began.set()
        free.wait(WAIT_S)

    step = plan(handler, concurrency=2)
    with running(step) as rig:
        for _ in range(2):
            asked(rig, step)
            assert began.wait(WAIT_S)
        late = actor_of(rig, step)
        for work in list(rig.system.running._works):
            late.abandon(work)
            work.set(Failed(kind="TimeLimitError", message="late"))
        count = rig.system.running.count
        for _ in range(2):
            free.set()
            seen.wait(0.05)

    assert count == 0
