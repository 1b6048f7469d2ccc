"""Step actors: asks, concurrency, time limits, and what survives a stuck handler."""

from __future__ import annotations

import asyncio
import threading

import pytest

from motia_actors.actors.work import Work
from motia_actors.errors import MailboxFullError, StoppingError, TimeLimitError
from motia_actors.messages import Call, Failed, Returned
from motia_actors.promise import Promise
from motia_actors.steps.config import Infrastructure, MailboxPolicy, SupervisionPolicy
from motia_actors.threads import NativeThread
from tests.actors.rig import WAIT_S, Rig, call, plan, running


async def answer(call: Call) -> object:
    return call.input


@pytest.mark.parametrize("is_async", [False, True])
def test_an_ask_is_answered_by_the_handler(*, is_async: bool) -> None:
    step = plan(answer if is_async else lambda call: call.input, is_async=is_async)

    with running(step) as rig:
        assert [rig.ask(step, n) for n in range(3)] == [Returned(0), Returned(1), Returned(2)]


def test_what_a_handler_raises_is_an_outcome_and_no_crash() -> None:
    def fail(call: Call) -> object:
        raise ValueError("boom")

    step = plan(fail)

    with running(step) as rig:
        assert rig.ask(step) == Failed(kind="ValueError", message="boom")
        figures = rig.figures(step)

    assert (figures["restarts"], figures["handled"], figures["failed"]) == (0, 1, 1)


def asked(rig: Rig, step: object, count: int) -> list[Promise[object]]:
    """Ask count times at once, each on a thread of its own."""
    answers: list[Promise[object]] = [Promise() for _ in range(count)]

    def ask(answer: Promise[object]) -> None:
        try:
            answer.set(rig.ask(step))  # type: ignore[arg-type]  # a plan
        except Exception as error:  # noqa: BLE001 (it goes to whoever waits)
            answer.set_error(error)

    for answer_to in answers:
        NativeThread(lambda answer_to=answer_to: ask(answer_to), name="asker").start()  # type: ignore[misc]
    return answers


def test_sync_handlers_run_side_by_side_up_to_the_concurrency() -> None:
    meeting = threading.Barrier(3)

    def meet(call: Call) -> object:
        return meeting.wait(WAIT_S) >= 0

    step = plan(meet, concurrency=3)

    with running(step) as rig:
        answers = asked(rig, step, 3)
        assert [answer.result(WAIT_S) for answer in answers] == [Returned(value=True)] * 3


def test_async_handlers_run_side_by_side_on_one_loop() -> None:
    waiting: list[asyncio.Event] = []

    async def meet(call: Call) -> object:
        event = asyncio.Event()
        waiting.append(event)
        if len(waiting) == 3:
            for other in waiting:
                other.set()
        await event.wait()
        return threading.get_ident()

    step = plan(meet, is_async=True, concurrency=3)

    with running(step) as rig:
        answers = [answer.result(WAIT_S) for answer in asked(rig, step, 3)]

    assert len({str(outcome) for outcome in answers}) == 1


@pytest.mark.parametrize("is_async", [False, True])
def test_no_more_run_at_a_time_than_the_concurrency(*, is_async: bool) -> None:
    now, most = [0], [0]

    def enter() -> None:
        now[0] += 1
        most[0] = max(most[0], now[0])

    def work(call: Call) -> None:
        enter()
        gate.wait(0.002)
        now[0] -= 1

    async def work_async(call: Call) -> None:
        enter()
        await asyncio.sleep(0.002)
        now[0] -= 1

    gate = threading.Event()
    step = plan(work_async if is_async else work, is_async=is_async, concurrency=2)

    with running(step) as rig:
        for waiting in asked(rig, step, 12):
            waiting.result(WAIT_S)

    assert most == [2]


def test_a_full_mailbox_refuses_at_once_and_the_rest_is_served() -> None:
    release = threading.Event()
    small = Infrastructure(mailbox=MailboxPolicy(size_max=1))
    entered = threading.Semaphore(0)

    def work(call: Call) -> object:
        entered.release()
        return release.wait(WAIT_S)

    step = plan(work, concurrency=1, infrastructure=small)
    with running(step) as rig:
        first = asked(rig, step, 1)
        assert entered.acquire(timeout=WAIT_S)
        others = asked(rig, step, 5)
        errors = []
        for other in others:
            try:
                other.result(0.2)
            except MailboxFullError as error:
                errors.append(error)
            except TimeLimitError:
                release.set()
        release.set()

        assert len(errors) == 4
        assert first[0].result(WAIT_S) == Returned(value=True)


def test_an_async_handler_past_its_limit_is_cancelled_and_the_next_call_runs() -> None:
    cancelled = threading.Event()

    async def work(call: Call) -> object:
        if call.input == "slow":
            try:
                await asyncio.sleep(WAIT_S)
            finally:
                cancelled.set()
        return call.input

    step = plan(work, is_async=True, limit_s=0.05)

    with running(step) as rig:
        with pytest.raises(TimeLimitError, match=r"within 0\.05 s"):
            rig.ask(step, "slow")
        assert cancelled.wait(WAIT_S)
        assert rig.ask(step, "quick") == Returned("quick")
        assert rig.figures(step)["restarts"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("is_async", [False, True])
def test_a_handler_that_blocks_for_ever_is_replaced_with_its_mailbox_kept(
    *, is_async: bool
) -> None:
    release = threading.Event()
    blocked = threading.Event()

    def work(call: Call) -> object:
        if call.input == "hang":
            blocked.set()
            release.wait(WAIT_S)
        return call.input

    async def work_async(call: Call) -> object:
        return work(call)

    patient = Infrastructure(supervision=SupervisionPolicy(backoff_s=0.01))
    step = plan(
        work_async if is_async else work,
        is_async=is_async, concurrency=1, limit_s=3.0, infrastructure=patient,
    )  # fmt: skip

    with running(step) as rig:
        # The limit of one call alone is short: the others wait for the new actor.
        rig.system.table.ports[step.step.id].cell.mailbox.put(Work(call("hang"), limit_s=0.05))
        assert blocked.wait(WAIT_S)
        assert rig.ask(step, "after") == Returned("after")
        assert rig.figures(step)["restarts"] == 1
        release.set()


def test_what_a_handler_leaves_running_in_the_background_goes_on() -> None:
    done = threading.Event()

    async def work(call: Call) -> object:
        async def later() -> None:
            await asyncio.sleep(0.01)
            done.set()

        call.input.append(asyncio.create_task(later()))
        return "returned"

    step = plan(work, is_async=True)
    with running(step) as rig:
        assert rig.ask(step, []) == Returned("returned")
        assert done.wait(WAIT_S)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_task_that_asks_the_process_to_exit_does_not_end_the_actor() -> None:
    async def leave() -> None:
        raise SystemExit(3)

    async def work(call: Call) -> object:
        if call.input == "leave":
            call_later = asyncio.create_task(leave())
            await asyncio.wait([call_later])
            return repr(call_later.exception())
        return call.input

    step = plan(work, is_async=True)
    with running(step) as rig:
        assert rig.ask(step, "leave") == Returned("SystemExit(3)")
        assert rig.ask(step, 1) == Returned(1)
        assert rig.figures(step)["restarts"] == 0


def test_a_timer_that_a_handler_leaves_behind_rings() -> None:
    rang = threading.Event()

    async def work(call: Call) -> object:
        asyncio.get_running_loop().call_later(0.02, rang.set)
        return None

    step = plan(work, is_async=True)
    with running(step) as rig:
        rig.ask(step)
        assert rang.wait(WAIT_S)


def test_a_draining_system_answers_asks_and_a_stopped_one_does_not() -> None:
    release, entered = threading.Event(), threading.Event()

    def work(call: Call) -> object:
        entered.set()
        return release.wait(WAIT_S)

    step = plan(work)
    rig = Rig()
    rig.store.open()
    rig.system.start()
    rig.run(step)
    [running_ask] = asked(rig, step, 1)
    assert entered.wait(WAIT_S)

    rig.system.begin_stop()
    release.set()
    still = rig.ask(step)

    assert rig.system.stop(drain_s=WAIT_S)
    assert still == running_ask.result(WAIT_S) == Returned(value=True)
    with pytest.raises(StoppingError):
        rig.ask(step)
