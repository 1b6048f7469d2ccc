"""Crashes and reloads under load: everything goes on, nothing is lost, nobody sees an error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from motia_actors.messages import Returned
from motia_actors.promise import Promise
from motia_actors.threads import NativeThread, Signal
from tests.actors.rig import WAIT_S, plan, put, running

ACTORS = ("router", "clock", "watchdog", "journalist")


def raising_once(function: Callable[..., Any]) -> tuple[Callable[..., Any], Signal]:
    raised, refusals = Signal(), [RuntimeError("injected")]

    def wrapper(*args: Any, **options: Any) -> Any:
        if refusals:
            raised.set()
            raise refusals.pop()
        return function(*args, **options)

    return wrapper, raised


@pytest.mark.slow
@pytest.mark.parametrize("name", ACTORS)
def test_work_goes_on_where_an_actor_crashes(name: str) -> None:
    came: Promise[object] = Promise()
    step = plan(lambda c: c.input)
    event = plan(lambda c: came.set(c.input), name="ev", kind="event", subscribes=("t",))
    cron = plan(lambda _: None, name="cron", kind="cron", cron="0 0 1 1 *")
    with running(step, event, cron) as rig:
        actor: Any = rig.system._tree.cells[name].actor
        actor.on_tick, raised = raising_once(actor.on_tick)
        assert raised.wait(WAIT_S)

        put(rig.system, rig.store, "t", 7)

        assert came.result(WAIT_S) == 7
        assert rig.ask(step, 1) == Returned(1)


@pytest.mark.slow
@pytest.mark.parametrize("is_async", [False, True])
def test_no_ask_fails_and_no_event_is_lost_while_steps_are_replaced(is_async: bool) -> None:
    async def later(c: Any) -> Any:
        return c.input

    heard: set[int] = set()
    all_heard: Promise[None] = Promise()

    def hear(c: Any) -> None:
        heard.add(c.input)
        if len(heard) == 40:
            all_heard.set(None)

    step = plan(later if is_async else (lambda c: c.input), is_async=is_async)
    event = plan(hear, name="ev", kind="event", subscribes=("t",))
    wrong: Promise[object] = Promise()
    ended = Signal()
    with running(step, event) as rig:

        def ask() -> None:
            try:
                for number in range(2_000):
                    if rig.ask(step, number) != Returned(number):
                        wrong.set(number)
            except Exception as error:  # noqa: BLE001 (it is what the test looks for)
                wrong.set(error)
            ended.set()

        NativeThread(ask, name="asker").start()
        for number in range(40):
            put(rig.system, rig.store, "t", number)
            rig.run(step, event)
            rig.system.resize(event.step.id, mailbox_size_max=1 + number % 3)

        assert ended.wait(WAIT_S)
        all_heard.result(WAIT_S)
    wrong.set(None)
    assert wrong.result() is None
