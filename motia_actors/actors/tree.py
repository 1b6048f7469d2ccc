"""The supervision tree of one process: which actors there are, and how each is made.

system ─┬─ writer       group commits of the store
├─ journalist   log records to the journal
├─ router       deliveries to mailboxes
├─ clock        cron ticks
        ├─ janitor      forgets what has expired
├─ watchdog     time limits
├─ steps        one actor per step
└─ adjuster     what an operator changed about steps
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress

from motia_actors.actors.actor import Actor, Cell, ChildFailed, ChildSpec
from motia_actors.actors.adjuster import AdjusterActor
from motia_actors.actors.clock import ClockActor
from motia_actors.actors.deliveries import Deliveries
from motia_actors.actors.janitor import JanitorActor, Retention
from motia_actors.actors.journalist import JournalistActor
from motia_actors.actors.ports import Table
from motia_actors.actors.restart import RestartPolicy
from motia_actors.actors.router import RouterActor
from motia_actors.actors.step import StepSetup, Watchdog
from motia_actors.actors.step_loop import LoopStepActor
from motia_actors.actors.step_threads import ThreadStepActor
from motia_actors.actors.supervisor import Supervisor
from motia_actors.actors.taker import MailboxTaker
from motia_actors.actors.work import Running
from motia_actors.actors.writer import WriterActor
from motia_actors.clock import Clock
from motia_actors.errors import ActorStoppedError, MailboxFullError
from motia_actors.messages import Event
from motia_actors.steps.config import Step
from motia_actors.steps.schedule import Schedule
from motia_actors.store import Store
from motia_actors.telemetry.spans import Tracer

STOP_S_MAX = 10.0


class Tree:
    """The places of all actors, and what is needed to put new actors into them.

    Args:
        store: Open, and nobody else commits for it.
        clock: What time it is.
        new_event: Makes the event of a cron run, of a topic and its step.
        drain_logs: Takes the log records that wait for the journal.
        on_fatal: Called with a reason when the root gives up.
        adjust: Makes the steps as an operator wants them.
        retention: How long dead letters are kept.
        tracer: Takes the spans of calls and deliveries.
        publish: Tells other processes of this one's figures.
    """

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        new_event: Callable[[str, Step], Event],
        drain_logs: Callable[[], list[bytes]],
        on_fatal: Callable[[str], None],
        adjust: Callable[[], None],
        retention: Retention,
        tracer: Tracer,
        publish: Callable[[], None],
    ) -> None:
        self._adjust = adjust
        self._store, self._clock, self._new_event = store, clock, new_event
        self._drain_logs, self._on_fatal = drain_logs, on_fatal
        self._retention, self._tracer, self._publish = retention, tracer, publish
        self.table = Table()
        self.deliveries = Deliveries(store=store, clock=clock, wake=self.wake_steps, tracer=tracer)
        store.taker = MailboxTaker(store=store, table=self.table, deliveries=self.deliveries)
        self.running = Running()
        self.setups: dict[str, StepSetup] = {}
        self.schedules: dict[str, tuple[Step, Schedule]] = {}
        self.step_cells: dict[str, Cell] = {}
        self.cells = {spec.name: Cell(spec) for spec in self._specs()}
        self.root = Cell(ChildSpec("system", self._make_root))

    def plant(self, *, within_s: float) -> None:
        """Start the root, and by it every other actor; returns when all are up."""
        actor = self._make_root(self.root)
        self.root.actor = actor
        actor.launch()
        actor.started.result(within_s)

    def wake_steps(self, steps: Iterable[str]) -> None:
        """Have the router look at these steps soon."""
        router = self.router
        if router is not None:
            router.wake_steps(steps)

    @property
    def router(self) -> RouterActor | None:
        """The router, where one lives now."""
        actor = self.cells["router"].actor
        return actor if isinstance(actor, RouterActor) else None

    def _specs(self) -> list[ChildSpec]:
        return [
            ChildSpec(
                "writer",
                lambda cell: WriterActor(cell, self._report, store=self._store),
                shutdown_s=STOP_S_MAX,
            ),
            ChildSpec(
                "journalist",
                lambda cell: JournalistActor(
                    cell,
                    self._report,
                    store=self._store,
                    drain=self._drain_logs,
                    tracer=self._tracer,
                    running=self.running,
                    publish=self._publish,
                ),
            ),
            ChildSpec("router", self._make_router),
            ChildSpec("clock", self._make_clock),
            ChildSpec(
                "janitor",
                lambda cell: JanitorActor(
                    cell, self._report, store=self._store, retention=self._retention
                ),
            ),
            ChildSpec(
                "watchdog",
                lambda cell: Watchdog(cell, self._report, running=self.running, clock=self._clock),
            ),
            ChildSpec("steps", self._make_steps, shutdown_s=STOP_S_MAX),
            ChildSpec(
                "adjuster",
                lambda cell: AdjusterActor(cell, self._report, look=self._adjust),
            ),
        ]

    def _make_root(self, cell: Cell) -> Actor:
        return Supervisor(cell, self._root_ended, cells=self.cells, clock=self._clock)

    def _make_router(self, cell: Cell) -> Actor:
        return RouterActor(
            cell,
            self._report,
            store=self._store,
            table=self.table,
            deliveries=self.deliveries,
            clock=self._clock,
        )

    def _make_clock(self, cell: Cell) -> Actor:
        return ClockActor(
            cell,
            self._report,
            store=self._store,
            clock=self._clock,
            new_event=self._new_event,
            schedules=self.schedules,
        )

    def _make_steps(self, cell: Cell) -> Actor:
        return Supervisor(
            cell,
            self._report,
            cells=self.step_cells,
            clock=self._clock,
            on_change=self._step_changed,
        )

    def step_spec(self, step: Step) -> ChildSpec:
        """How the actor of a step is kept; its setup is looked up when it is made."""
        infrastructure = step.infrastructure
        policy = infrastructure.supervision
        return ChildSpec(
            step.id,
            self._make_step,
            policy=RestartPolicy(
                restarts_max=policy.restarts_max,
                window_s=policy.window_s,
                delay_s=policy.backoff_s,
                delay_s_max=policy.backoff_s_max,
            ),
            on_give_up="suspend",
            size_max=infrastructure.mailbox.size_max,
            overflow=infrastructure.mailbox.overflow,
            on_drop=lambda work: work.answer.set_error(
                MailboxFullError(step.name, size_max=infrastructure.mailbox.size_max)
            ),
            shutdown_s=1.0,
        )

    def _make_step(self, cell: Cell) -> Actor:
        setup = self.setups[cell.name]
        kind = LoopStepActor if setup.handler.is_async else ThreadStepActor
        return kind(cell, self._step_report, setup)

    def _report(self, ended: ChildFailed) -> None:
        _tell_if_there(self.root, ended)

    def _step_report(self, ended: ChildFailed) -> None:
        _tell_if_there(self.cells["steps"], ended)

    def _root_ended(self, ended: ChildFailed) -> None:
        if ended.error is not None:
            self._on_fatal(f"the root supervisor gave up: {ended.error}")

    def _step_changed(self, cell: Cell) -> None:
        self.wake_steps((cell.name,))


def _tell_if_there(supervisor: Cell, ended: ChildFailed) -> None:
    # An actor that was stuck may end long after its supervisor did.
    with suppress(ActorStoppedError):
        supervisor.tell(ended)
