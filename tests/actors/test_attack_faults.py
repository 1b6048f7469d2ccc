"""Faults around the actors: no threads, no room, poison. One message suffers and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Any

import pytest

from motia_actors.actors.actor import Actor, Cell, ChildFailed, ChildSpec, Stop
from motia_actors.actors.journalist import JournalistActor
from motia_actors.actors.step import StepActor
from motia_actors.actors.supervisor import Supervisor
from motia_actors.actors.work import Running, Work
from motia_actors.clock import SystemClock
from motia_actors.errors import MotiaError, StoreFullError, TimeLimitError
from motia_actors.messages import Call, Failed, Returned
from motia_actors.promise import Promise
from motia_actors.steps.config import Infrastructure, MailboxPolicy, QueuePolicy
from motia_actors.store import Ack, Write
from motia_actors.stores.memory import MemoryStore
from motia_actors.telemetry.spans import Tracer
from motia_actors.threads import NativeThread, Signal
from tests.actors.rig import WAIT_S, Rig, call, plan, put, running
from tests.actors.test_attack_late import asked

SHORT_S = 1.0


def restarts(rig: Rig, name: str) -> int:
    return int(rig.system.statistics()["actors"][name]["restarts"])


class _Idle(Actor):
    def on_receive(self, message: Any) -> object:
        return message


@pytest.mark.slow
def test_a_child_that_gets_no_thread_is_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    up: Promise[None] = Promise()
    refusals = [RuntimeError("can't start new thread")]
    start = NativeThread.start

    def refuse(thread: NativeThread) -> None:
        if thread.name == "motia-child" and refusals:
            raise refusals.pop()
        start(thread)

    def note(cell: Cell) -> None:
        if cell.status == "running":
            up.set(None)

    def make(cell: Cell) -> Actor:
        cells = {
            "child": Cell(ChildSpec("child", lambda child: _Idle(child, cell.tell), shutdown_s=0.1))
        }
        clock = SystemClock()
        return Supervisor(cell, lambda _: None, cells=cells, clock=clock, on_change=note)

    monkeypatch.setattr(NativeThread, "start", refuse)
    root = Cell(ChildSpec("root", make))
    supervisor = make(root)
    supervisor.launch()
    try:
        up.result(SHORT_S)
    finally:
        root.tell(Stop())
        supervisor.join(WAIT_S)


def test_an_ask_waits_for_the_first_thread_where_it_gets_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    began, free, second_was_asked = Signal(), Signal(), Signal()
    start = NativeThread.start

    def refuse(thread: NativeThread) -> None:
        if thread.name.endswith("+"):
            second_was_asked.set()
            raise RuntimeError("can't start new thread")
        start(thread)

    def handler(call: Call) -> None:
        if call.input == "first":
            began.set()
            free.wait(WAIT_S)

    monkeypatch.setattr(NativeThread, "start", refuse)
    step = plan(handler)
    with running(step) as rig:
        asked(rig, step, "first")
        assert began.wait(WAIT_S)
        second = asked(rig, step, "second")
        assert second_was_asked.wait(WAIT_S)
        free.set()

        assert second.result(WAIT_S) == Returned(None)


@pytest.mark.slow
def test_a_check_that_raises_fails_its_delivery_alone() -> None:
    ran: Promise[Any] = Promise()

    def check(_topic: str, data: Any) -> Failed | None:
        if data == "poison":
            raise ValueError("a schema that does not bear this value")
        return None

    step = plan(lambda c: ran.set(c.input), kind="event", subscribes=("t",), check=check)
    with running(step) as rig:
        put(rig.system, rig.store, "t", "poison")
        put(rig.system, rig.store, "t", "good")

        assert ran.result(SHORT_S) == "good"
        assert restarts(rig, "router") == 0


@pytest.mark.slow
def test_the_router_outlives_a_full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = Signal()

    def full() -> int:
        tried.set()
        raise StoreFullError("no room")

    with running() as rig:
        monkeypatch.setattr(rig.store.events, "free_dead_owners", full)
        for _ in range(2):
            assert tried.wait(WAIT_S)

        assert restarts(rig, "router") == 0


@pytest.mark.slow
def test_an_end_that_found_the_disk_full_is_kept_once_there_is_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ran: list[object] = []
    second: Promise[None] = Promise()
    refusals = 2

    def handler(call: Call) -> None:
        ran.append(call.input)
        if call.input == "second":
            second.set(None)

    step = plan(
        handler,
        kind="event",
        subscribes=("t",),
        infrastructure=Infrastructure(queue=QueuePolicy(is_fifo=True)),
    )
    with running(step) as rig:
        commit = rig.store.commit

        def full(writes: Sequence[Write[object]], **more: bool) -> Promise[list[object]]:
            nonlocal refusals
            if refusals and any(isinstance(write, Ack) for write in writes):
                refusals -= 1
                refused: Promise[list[object]] = Promise()
                refused.set_error(StoreFullError("no room"))
                return refused
            return commit(writes, **more)

        monkeypatch.setattr(rig.store, "commit", full)
        put(rig.system, rig.store, "t", "first", group_id="g")
        put(rig.system, rig.store, "t", "second", group_id="g")

        second.result(WAIT_S)
    assert ran == ["first", "second"]
    assert refusals == 0


@pytest.mark.slow
def test_a_router_that_restarts_while_it_drains_leases_nothing() -> None:
    ran: Promise[Any] = Promise()
    step = plan(ran.set, kind="event", subscribes=("t",))
    with running(step) as rig:
        rig.system.begin_stop()
        with pytest.raises(MotiaError):
            rig.system._tree.cells["router"].ask("crash").result(WAIT_S)
        put(rig.system, rig.store, "t")

        with pytest.raises(TimeLimitError):
            ran.result(SHORT_S)


@pytest.mark.slow
def test_an_order_for_an_unknown_step_fails_alone() -> None:
    with running() as rig:
        for order in (rig.system.restart, rig.system.suspend, rig.system.fire):
            with suppress(MotiaError, KeyError):
                order("steps/none_step.py")

        assert (restarts(rig, "steps"), restarts(rig, "clock")) == (0, 0)


@pytest.mark.slow
def test_a_small_mailbox_of_a_stuck_step_does_not_spin() -> None:
    began, free = Signal(), Signal()

    async def handler(call: Call) -> None:
        if call.input == 0:
            began.set()
            free.wait(SHORT_S)

    small = Infrastructure(mailbox=MailboxPolicy(size_max=1))
    step = plan(
        handler, is_async=True, kind="event", subscribes=("t",), concurrency=8, infrastructure=small
    )
    with running(step) as rig:
        for number in range(10):
            put(rig.system, rig.store, "t", number)
        assert began.wait(WAIT_S)
        Signal().wait(0.3)
        refused = rig.figures(step)["mailbox"]["refused"]
        free.set()

    assert refused < 100


def test_a_record_that_the_store_refuses_is_no_crash_of_the_journalist() -> None:
    ended: Promise[BaseException | None] = Promise()
    store = MemoryStore(SystemClock(), value_bytes_max=1024)
    store.open()
    records = [b'"' + b"x" * 2048 + b'"']

    def drain() -> list[bytes]:
        return [records.pop()] if records else []

    def report(failed: ChildFailed) -> None:
        ended.set(failed.error)

    cell = Cell(
        ChildSpec(
            "journalist",
            lambda cell: JournalistActor(
                cell,
                report,
                store=store,
                drain=drain,
                tracer=Tracer(SystemClock()),
                running=Running(),
            ),
        )
    )
    actor = cell.spec.make(cell)
    actor.launch()
    cell.tell(Stop())

    assert ended.result(WAIT_S) is None
    store.close()


@pytest.mark.slow
def test_callbacks_that_a_handler_left_run_soon() -> None:
    ran: Promise[None] = Promise()

    async def handler(_call: Call) -> None:
        loop = asyncio.get_running_loop()
        loop.call_soon(lambda: loop.call_soon(lambda: loop.call_soon(ran.set, None)))

    step = plan(handler, is_async=True)
    with running(step) as rig:
        rig.ask(step)

        ran.result(SHORT_S)


@pytest.mark.slow
def test_an_executor_job_that_a_handler_left_is_heard_of() -> None:
    ran: Promise[None] = Promise()
    free = Signal()

    async def handler(_call: Call) -> None:
        job = asyncio.get_running_loop().run_in_executor(None, free.wait, WAIT_S)
        job.add_done_callback(lambda _: ran.set(None))

    step = plan(handler, is_async=True)
    with running(step) as rig:
        rig.ask(step)
        free.set()

        ran.result(SHORT_S)


def test_a_handler_that_cancels_itself_did_not_time_out() -> None:
    async def handler(_call: Call) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)

    step = plan(handler, is_async=True)
    with running(step) as rig:
        outcome = rig.ask(step)

    assert isinstance(outcome, Failed)
    assert not outcome.is_timeout


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_generator_left_half_way_in_an_inline_call_is_closed() -> None:
    async def handler(call: Call) -> None:
        async def numbers() -> AsyncIterator[int]:
            try:
                yield 1
            finally:
                await asyncio.sleep(0)
                if isinstance(call.input, Promise):
                    call.input.set(None)

        async for _number in numbers():
            break

    closed: Promise[None] = Promise()
    step = plan(handler, is_async=True)
    with running(step) as rig:
        actor = rig.system.table.ports[step.step.id].cell.actor
        assert isinstance(actor, StepActor)
        assert actor.run_inline(Work(call(closed), limit_s=None, desert=lambda: None))

        closed.result(SHORT_S)
