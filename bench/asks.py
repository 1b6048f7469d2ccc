"""Asking an actor in this process: pykka's own beside a step of ours."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from typing import Any

import pykka

from bench.callers import call_for
from bench.turns import Alternative
from motia_actors.actors.plan import StepPlan
from motia_actors.actors.system import System
from motia_actors.clock import SystemClock
from motia_actors.messages import Call, Event, Outcome, Returned
from motia_actors.runner import Effects, Handler
from motia_actors.steps.config import Step
from motia_actors.stores.memory import MemoryStore

CALLERS = (1, 8)
STEP = "steps/echo_step.py"
LIMIT_S = 30.0
STOP_S = 5.0


class PykkaEcho(pykka.ThreadingActor):
    """Answers what it is sent."""

    def on_receive(self, message: Any) -> Any:
        """Answer the message."""
        return message


class StepEcho(Handler):
    """Answers the input of the call."""

    is_async = False

    def run(self, call: Call, _effects: Effects) -> Outcome:
        """Answer the input."""
        return Returned(call.input)

    async def run_async(self, call: Call, effects: Effects) -> Outcome:
        """Answer the input."""
        return self.run(call, effects)


@contextlib.contextmanager
def asks() -> Iterator[list[Alternative]]:
    """Both actors, alive while the block lasts."""
    call = Call(kind="api", trace_id="T", flows=(), input="hello")
    echo = PykkaEcho.start()
    try:
        with _system() as system:
            alternatives = []
            for callers in CALLERS:
                bare = f"pykka ask, {callers} at once"
                turn = functools.partial(_turn, lambda _: echo.ask("hello"), callers)
                alternatives.append(Alternative(name=bare, turn=turn, ratio_to=bare))
                turn = functools.partial(_turn, lambda _: system.ask(STEP, call), callers)
                name = f"System.ask, {callers} at once"
                alternatives.append(Alternative(name=name, turn=turn, ratio_to=bare))
                inline = functools.partial(system.ask, STEP, call, desert=_desert)
                turn = functools.partial(_turn, lambda _, ask=inline: ask(), callers)
                name = f"System.ask on the asker's thread, {callers} at once"
                alternatives.append(Alternative(name=name, turn=turn, ratio_to=bare))
            yield alternatives
    finally:
        echo.stop()


def _turn(operation: Any, callers: int, seconds: float) -> Any:
    return call_for(seconds, operation, callers=callers)


@contextlib.contextmanager
def _system() -> Iterator[System]:
    clock = SystemClock()
    store = MemoryStore(clock)
    store.open()
    system = System(
        store=store,
        clock=clock,
        new_event=_no_event,
        drain_logs=list,
        on_fatal=_fatal,
        inline_max=max(CALLERS),
    )
    system.start()
    try:
        system.apply({STEP: _plan()})
        yield system
    finally:
        system.stop(drain_s=STOP_S)
        store.close()


def _plan() -> StepPlan:
    return StepPlan(
        step=Step(id=STEP, kind="api", name="Echo"),
        handler=StepEcho(),
        effects_for=_no_effects,
        limit_s=LIMIT_S,
        concurrency=max(CALLERS),
    )


def _desert() -> None:
    raise AssertionError("no call hangs here")


def _no_effects(_call: Call) -> Any:
    return None


def _no_event(_topic: str, _step: Step) -> Event:
    raise AssertionError("there is no cron step here")


def _fatal(reason: str) -> None:
    raise SystemExit(reason)
