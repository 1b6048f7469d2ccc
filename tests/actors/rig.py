"""A system of actors with handlers made of plain functions, on a memory store."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from motia_actors.actors.janitor import Retention
from motia_actors.actors.plan import StepPlan
from motia_actors.actors.system import System
from motia_actors.clock import Clock, SystemClock
from motia_actors.messages import Call, Event, Failed, Outcome, Returned, StepKind
from motia_actors.payload import encode
from motia_actors.promise import Promise
from motia_actors.runner import Effects, Handler
from motia_actors.steps.config import Infrastructure, Step
from motia_actors.steps.schedule import Schedule
from motia_actors.store import EventPut, Store
from motia_actors.stores.memory import MemoryStore
from motia_actors.telemetry.traces import new_event_id

WAIT_S = 10.0


class FunctionHandler(Handler):
    """Calls a function with the call; what it raises is the outcome."""

    def __init__(self, function: Callable[[Call], Any], *, is_async: bool = False) -> None:
        self._function = function
        self.is_async = is_async

    def run(self, call: Call, effects: Effects) -> Outcome:
        try:
            return Returned(self._function(call))
        except Exception as error:  # noqa: BLE001 (the boundary that runners have)
            return Failed(kind=type(error).__name__, message=str(error))

    async def run_async(self, call: Call, effects: Effects) -> Outcome:
        try:
            return Returned(await self._function(call))
        except Exception as error:  # noqa: BLE001 (the boundary that runners have)
            return Failed(kind=type(error).__name__, message=str(error))


def no_effects(call: Call) -> Any:
    """Handlers of these tests have none."""


def plan(
    function: Callable[[Call], Any] | Callable[[Call], Awaitable[Any]],
    *,
    name: str = "step",
    kind: StepKind = "api",
    is_async: bool = False,
    subscribes: tuple[str, ...] = (),
    infrastructure: Infrastructure | None = None,
    concurrency: int = 4,
    limit_s: float | None = WAIT_S,
    cron: str = "",
    check: Callable[[str, Any], Failed | None] = lambda _topic, _data: None,
) -> StepPlan:
    return StepPlan(
        step=Step(
            id=f"steps/{name}_step.py",
            kind=kind,
            name=name,
            subscribes=subscribes,
            cron=cron,
            infrastructure=infrastructure or Infrastructure(),
        ),
        handler=FunctionHandler(function, is_async=is_async),
        effects_for=no_effects,
        limit_s=limit_s,
        concurrency=concurrency,
        check=check,
        schedule=Schedule(cron, "UTC") if cron else None,
    )


def call(value: object = None) -> Call:
    return Call(kind="api", trace_id="T", flows=(), input=value)


def put(system: System, store: Store, topic: str, data: object = None, **more: Any) -> None:
    """Emit an event as a handler would."""
    event = Event(id=new_event_id(0.0), topic=topic, data=encode(data), trace_id="T", **more)
    store.write(EventPut(event=event, targets=system.table.targets(topic)))


def new_event(topic: str, step: Step) -> Event:
    return Event(id=new_event_id(0.0), topic=topic, data=b"null", trace_id="T", flows=step.flows)


class Rig:
    """A system under test, and what it was told."""

    def __init__(
        self,
        clock: Clock | None = None,
        store: Store | None = None,
        *,
        inline_max: int = 0,
        retention: Retention | None = None,
    ) -> None:
        self.clock = clock or SystemClock()
        self.store = store or MemoryStore(self.clock)
        self.fatal: Promise[str] = Promise()
        self.system = System(
            store=self.store,
            clock=self.clock,
            new_event=new_event,
            drain_logs=list,
            on_fatal=self._end,
            inline_max=inline_max,
            retention=retention,
        )

    def _end(self, reason: str) -> None:
        self.fatal.set(reason)

    def run(self, *plans: StepPlan) -> None:
        self.system.apply({plan.step.id: plan for plan in plans})

    def ask(self, plan: StepPlan, value: object = None) -> Outcome:
        return self.system.ask(plan.step.id, call(value))

    def settle(self) -> None:
        """Stop the actors, each after what it had to do; the store stays open."""
        assert self.system.stop(drain_s=WAIT_S)

    def figures(self, plan: StepPlan) -> dict[str, Any]:
        figures: dict[str, Any] = self.system.statistics()["steps"][plan.step.id]
        return figures


@contextmanager
def running(
    *plans: StepPlan,
    clock: Clock | None = None,
    store: Store | None = None,
    retention: Retention | None = None,
) -> Iterator[Rig]:
    rig = Rig(clock, store, retention=retention)
    rig.store.open()
    rig.system.start()
    try:
        rig.run(*plans)
        yield rig
    finally:
        rig.system.stop(drain_s=1.0)
        rig.store.close()
