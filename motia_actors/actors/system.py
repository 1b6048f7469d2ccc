"""The actor system of one process: the ways into it. `tree.py` has what it is made of."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from motia_actors.actors.actor import Stop, Tick
from motia_actors.actors.clock import Fire, Reschedule
from motia_actors.actors.figures import cell_figures
from motia_actors.actors.inline import Permits, Trust
from motia_actors.actors.janitor import Retention
from motia_actors.actors.meter import Meter
from motia_actors.actors.plan import StepPlan
from motia_actors.actors.ports import Port
from motia_actors.actors.router import Drain
from motia_actors.actors.step import StepActor, StepSetup
from motia_actors.actors.supervisor import (
    AddChild,
    RemoveChild,
    RestartChild,
    SuspendChild,
)
from motia_actors.actors.tree import STOP_S_MAX, Tree
from motia_actors.actors.work import Work
from motia_actors.adjustments import NONE, Adjustment, read_adjustments
from motia_actors.clock import Clock
from motia_actors.errors import (
    MotiaError,
    StepSuspendedError,
    StoppingError,
    TimeLimitError,
)
from motia_actors.messages import Call, Event, Outcome
from motia_actors.steps.config import Step
from motia_actors.store import Store
from motia_actors.telemetry.measures import Samples
from motia_actors.telemetry.spans import Tracer
from motia_actors.threads import Signal, allocate_lock

logger = logging.getLogger(__name__)

START_S_MAX = 60.0
DRAIN_LOOK_S = 0.02


class System:
    """Runs the steps of one project in one process.

    Args:
        store: Open, and nobody else commits for it.
        clock: What time it is.
        new_event: Makes the event of a cron run, of a topic and its step.
        drain_logs: Takes the log records that wait for the journal.
        on_fatal: Called with a reason when the root of the tree gives up: the process is of no
            use any more.
        inline_max: How many askers may run a handler on their own thread at a time.
        retention: How long dead letters are kept.
        tracer: Takes the spans of calls and deliveries.
        publish: Tells other processes of this one's figures, now and then.
    """

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        new_event: Callable[[str, Step], Event],
        drain_logs: Callable[[], list[bytes]],
        on_fatal: Callable[[str], None],
        inline_max: int = 0,
        retention: Retention | None = None,
        tracer: Tracer | None = None,
        publish: Callable[[], None] = lambda: None,
    ) -> None:
        self._store, self._clock = store, clock
        self._tracer = tracer or Tracer(clock)
        self._tree = Tree(
            store=store,
            clock=clock,
            new_event=new_event,
            drain_logs=drain_logs,
            on_fatal=on_fatal,
            adjust=self.adjust,
            retention=retention or Retention(),
            tracer=self._tracer,
            publish=publish,
        )
        self.table, self.running = self._tree.table, self._tree.running
        self._inline, self._inline_max = Permits(inline_max), inline_max
        self._meters: dict[str, Meter] = {}
        self._plans: Mapping[str, StepPlan] = {}
        self._adjusted: dict[str, Adjustment] = {}
        self._adjust_lock = allocate_lock()
        self._is_stopping = False
        self._pause = Signal()  # Never set: it is how a native thread sleeps.

    # The ways in.

    def ask(
        self,
        step_id: str,
        call: Call,
        *,
        desert: Callable[[], None] | None = None,
        on_wait: Callable[[], None] | None = None,
    ) -> Outcome:
        """Have a step run call, and wait for what comes of it.

        Args:
            step_id: Of a step that runs.
            call: What its handler gets.
            desert: Allows the asker's own thread to run the handler, where that is quicker.
                Called from another thread should the handler run past its limit there: it
                answers the client, and the asker, once it is back, gets DesertedError.
            on_wait: Called before the asker's thread waits for anything but the handler.

        Raises:
            MailboxFullError: too much waits for the step already.
            StepSuspendedError: the step rests after failing too often.
            StoppingError: this process takes no new work.
            TimeLimitError: it did not answer within its limit, the time in its mailbox included.
            ActorCrashedError: its actor was given up while it ran the call.
            DesertedError: see desert.
        """
        port = self.table.ports[step_id]
        if self._is_stopping:
            raise StoppingError("this process is stopping")
        cell = port.cell
        if cell.status == "suspended":
            left_s = max(0.0, cell.resume_s - self._clock.monotonic_s())
            raise StepSuspendedError(
                port.step.name, retry_after_s=left_s, reason=cell.last_error or ""
            )
        # A step's cell has no other actors, and `isinstance` asks an abstract class at length.
        actor: Any = cell.actor
        if desert is not None and actor is not None and port.trust.is_given:
            work = Work(call, limit_s=port.limit_s, desert=desert)
            if not self._run_inline(actor, work):
                cell.mailbox.put(work, is_work=True)
        else:
            work = Work(call, limit_s=port.limit_s)
            cell.mailbox.put(work, is_work=True)
        if not work.answer.is_done:
            port.trust.waited(is_long=False)
            if on_wait is not None:
                on_wait()
        try:
            return work.answer.result(port.limit_s)
        except TimeLimitError:
            assert port.limit_s is not None
            error = TimeLimitError(port.step.name, limit_s=port.limit_s)
            if work.answer.set_error(error):
                raise error from None
            return work.answer.result(0.0)

    def is_swift(self, step_id: str) -> bool:
        """Its last calls took next to no time, and nothing waits for it."""
        port = self.table.ports.get(step_id)
        return port is not None and port.trust.is_swift and not port.cell.mailbox.depth

    def _run_inline(self, actor: StepActor, work: Work) -> bool:
        if not self._inline.acquire_nowait():
            work.came_back()
            return False
        try:
            return actor.run_inline(work)
        finally:
            self._inline.release()
            # Whatever happens from here on, the asker is there to hear of it.
            work.came_back()

    def start(self) -> None:
        """Start the tree; returns when every actor is up."""
        self._store.notifier.listen(self._woken)
        self._tree.plant(within_s=START_S_MAX)

    def apply(self, plans: Mapping[str, StepPlan], *, changed: set[str] | None = None) -> None:
        """Run these steps: start new ones, replace changed ones, stop those not named.

        Args:
            plans: By step id.
            changed: Ids of steps whose code or config differs from before; None: all.
        """
        wanted = read_adjustments(self._store)
        for step_id in [known for known in self._tree.step_cells if known not in plans]:
            self._order(RemoveChild(step_id))
            self._tree.setups.pop(step_id, None)
            self._meters.pop(step_id, None)
        for step_id, plan in plans.items():
            if changed is None or step_id in changed or step_id not in self._tree.step_cells:
                self._tree.setups[step_id] = StepSetup(
                    handler=plan.handler,
                    effects_for=plan.effects_for,
                    concurrency=plan.concurrency,
                    running=self.running,
                    clock=self._clock,
                    trust=Trust(),
                    meter=self._meters.setdefault(step_id, Meter()),
                    name=plan.step.name,
                    tracer=self._tracer,
                )
                self._order(AddChild(self._tree.step_spec(plan.step)))
                with self._adjust_lock:
                    # It is as its config says again, and what wanted a restart had one.
                    restarts = wanted.get(step_id, NONE).restarts
                    self._adjusted[step_id] = Adjustment(restarts=restarts)
        self._plans = plans
        self.table.replace(
            {
                step_id: Port(
                    step=plan.step,
                    cell=self._tree.step_cells[step_id],
                    limit_s=plan.limit_s,
                    concurrency=plan.concurrency,
                    check=plan.check,
                    held=self._tree.deliveries.held_for(step_id),
                    meter=self._meters[step_id],
                    trust=self._tree.setups[step_id].trust,
                )
                for step_id, plan in plans.items()
            }
        )
        # Before the router is woken: what was suspended takes nothing.
        self.adjust()
        self._tree.schedules = {
            step_id: (plan.step, plan.schedule)
            for step_id, plan in plans.items()
            if plan.schedule is not None
        }
        self._tree.cells["clock"].tell(Reschedule(self._tree.schedules))
        self._tree.wake_steps(plans)

    def begin_stop(self) -> None:
        """Lease no more; asks are still answered, since the server still takes requests."""
        if not self._tree.deliveries.is_draining:
            self._tree.deliveries.is_draining = True
            self._tree.cells["router"].tell(Drain())

    def stop(self, *, drain_s: float) -> bool:
        """Let what runs finish for up to drain_s, then stop every actor, youngest first.

        Answers whether everything finished; what did not is run again by another process.
        """
        self.begin_stop()
        self._is_stopping = True
        until_s = time.monotonic() + drain_s
        is_quiet = self._is_quiet()
        while not is_quiet and time.monotonic() < until_s:
            self._pause.wait(DRAIN_LOOK_S)
            is_quiet = self._is_quiet()
        self._tree.root.tell(Stop())
        actor = self._tree.root.actor
        if actor is not None and not actor.join(STOP_S_MAX):
            logger.warning("the actor system did not stop within %g s", STOP_S_MAX)
        return is_quiet

    # Orders while it runs, and figures.

    def restart(self, step_id: str) -> None:
        """Start the step anew, its suspension ended."""
        self._order(RestartChild(step_id))

    def suspend(self, step_id: str) -> None:
        """Stop the step until `restart`; its events wait in the store."""
        self._order(SuspendChild(step_id))

    def resize(self, step_id: str, *, mailbox_size_max: int) -> None:
        """Change the limit of a step's mailbox while it runs."""
        self.table.ports[step_id].cell.mailbox.resize(mailbox_size_max)

    def adjust(self) -> None:
        """Make the steps as an operator wants them, at whichever worker he said so. Any thread."""
        wanted = read_adjustments(self._store)
        with self._adjust_lock:
            for step_id in list(self._plans):
                now, was = wanted.get(step_id, NONE), self._adjusted.get(step_id, NONE)
                if step_id in self._tree.step_cells and now != was:
                    self._adjust(self._plans[step_id], was, now)
                    self._adjusted[step_id] = now

    def _adjust(self, plan: StepPlan, was: Adjustment, now: Adjustment) -> None:
        step_id = plan.step.id
        if now.mailbox_size_max != was.mailbox_size_max:
            size_max = plan.step.infrastructure.mailbox.size_max
            self.resize(step_id, mailbox_size_max=now.mailbox_size_max or size_max)
        is_restart = now.restarts != was.restarts or (was.is_suspended and not now.is_suspended)
        if now.concurrency != was.concurrency:
            concurrency = now.concurrency or plan.concurrency
            setup = self._tree.setups[step_id]
            self._tree.setups[step_id] = msgspec.structs.replace(setup, concurrency=concurrency)
            port = msgspec.structs.replace(self.table.ports[step_id], concurrency=concurrency)
            self.table.replace({**self.table.ports, step_id: port})
            is_restart = True  # How many run at a time is settled when the actor starts.
        if now.is_suspended:
            self.suspend(step_id)
        elif is_restart:
            self.restart(step_id)

    def fire(self, step_id: str) -> str:
        """Queue a run of a cron step now; answers `fired`, `busy` or `taken`."""
        answer = self._tree.cells["clock"].ask(Fire(step_id)).result(START_S_MAX)
        if isinstance(answer, MotiaError):
            raise answer
        return str(answer)

    def look(self) -> None:
        """Have the actors look at what is due now: for a clock that was moved by hand."""
        for name in (
            "system",
            "steps",
            "clock",
            "router",
            "janitor",
            "watchdog",
            "journalist",
            "adjuster",
        ):
            cell = self._tree.root if name == "system" else self._tree.cells[name]
            cell.ask(Tick()).result(START_S_MAX)

    @property
    def has_lost_threads(self) -> bool:
        """An asker's thread is stuck in a handler, and would hold up the end of the process."""
        return self._inline.free < self._inline_max

    def is_ready(self) -> list[str]:
        """Why it cannot work, empty where it can."""
        problems = [
            f"{name} is {cell.status}"
            for name, cell in self._tree.cells.items()
            if cell.status != "running"
        ]
        return [*problems, "stopping"] if self._tree.deliveries.is_draining else problems

    def statistics(self) -> dict[str, Any]:
        """The tree with the figures of each actor, ready for JSON.

        Counts are of this process since it started; `per_s` and the latencies, in seconds, of
        the last few hundred runs.
        """
        return {
            "running": self.running.count,
            "stopping": self._is_stopping,
            "actors": {name: cell_figures(cell) for name, cell in self._tree.cells.items()},
            "steps": {
                port.step.id: {
                    "name": port.step.name,
                    "concurrency": port.concurrency,
                    **cell_figures(port.cell),
                    **self._measured(self._meters[port.step.id]),
                }
                for port in self.table.ports.values()
            },
            "store": self._store.statistics(),
        }

    def tell(self, samples: Samples) -> None:
        """Add the figures of this process to samples."""
        for name, cell in self._tree.cells.items():
            samples.count("motia_actor_restarts", cell.restarts, name)
        in_flight = self.running.counts()
        for step_id, port in self.table.ports.items():
            mailbox = port.cell.mailbox.statistics()
            port.meter.tell(samples, step_id)
            samples.count("motia_actor_restarts", port.cell.restarts, step_id)
            samples.count("motia_mailbox_refused", mailbox.refused + mailbox.dropped, step_id)
            samples.gauge("motia_actors_suspended", port.cell.status == "suspended", step_id)
            samples.gauge("motia_calls_in_flight", in_flight.get(port.meter, 0), step_id)
            samples.gauge("motia_mailbox_depth", mailbox.depth, step_id)
            samples.gauge("motia_mailbox_size", mailbox.size_max, step_id)

    # Helpers.

    def _order(self, order: object) -> None:
        answer = self._tree.cells["steps"].ask(order).result(START_S_MAX)
        if isinstance(answer, MotiaError):
            raise answer

    def _woken(self, wake: Any) -> None:
        router = self._tree.router
        if router is not None:
            router.wake(wake)

    def _measured(self, meter: Meter) -> dict[str, Any]:
        figures = meter.figures(
            now_s=self._clock.monotonic_s(), in_flight=self.running.count_of(meter)
        )
        return msgspec.to_builtins(figures)  # type: ignore[no-any-return]  # a struct's fields

    def _is_quiet(self) -> bool:
        return not self._tree.deliveries.count and not self.running.count
