"""The router: maps topics to steps, and moves deliveries from the store into their mailboxes.

It leases no more than a mailbox has room for and a step can soon run, so that a burst is shared
by all processes and nothing waits where nobody works. What a handler made of a delivery goes
back to the store from here: ack, retry, dead letter.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from motia_actors.actors.actor import Actor, Cell, ChildFailed
from motia_actors.actors.mailbox import Control
from motia_actors.actors.retry import RetryIn, after_failure
from motia_actors.actors.work import Work
from motia_actors.clock import Clock
from motia_actors.errors import (
    ActorError,
    ActorStoppedError,
    LeaseLostError,
    MailboxFullError,
    MotiaError,
    NotRunError,
    StoreError,
)
from motia_actors.messages import Call, Delivery, Failed, Outcome, Returned, Target, Wake
from motia_actors.payload import decode
from motia_actors.promise import Promise
from motia_actors.steps.config import Step
from motia_actors.store import Ack, Bury, Lease, Release, Retry, Store, Write
from motia_actors.threads import allocate_lock

logger = logging.getLogger(__name__)

NET_S = 0.5
"""Every step is looked at this often, so that a lost wake-up costs latency and nothing more."""
COMMIT_S_MAX = 60.0


class Port(msgspec.Struct, frozen=True, kw_only=True):
    """Where messages for a step go: its config, its cell and its limits."""

    step: Step
    cell: Cell
    limit_s: float | None
    concurrency: int
    check: Callable[[Any], Failed | None] = lambda _input: None
    """Looks at an event's data before its handler does; what it answers ends the delivery."""

    @property
    def lease_max(self) -> int:
        """How many deliveries this process may hold: one in work and one at hand for each run."""
        return min(2 * self.concurrency, self.cell.mailbox.size_max + self.concurrency)


class Table:
    """Which steps hear of a topic: swapped whole, read by everybody who emits."""

    def __init__(self) -> None:
        self.ports: Mapping[str, Port] = {}
        self._targets: Mapping[str, tuple[Target, ...]] = {}

    def replace(self, ports: Mapping[str, Port]) -> None:
        """Take over new ports, and with them the topics of their steps."""
        found: dict[str, list[Target]] = {}
        for port in ports.values():
            target = target_of(port.step)
            for topic in dict.fromkeys(port.step.subscribes):
                found.setdefault(topic, []).append(target)
        self.ports = ports
        self._targets = {topic: tuple(targets) for topic, targets in found.items()}

    def targets(self, topic: str) -> tuple[Target, ...]:
        """The steps an event of the topic goes to."""
        return self._targets.get(topic, ())


def target_of(step: Step) -> Target:
    """The step as the queue knows it."""
    queue = step.infrastructure.queue
    return Target(step=step.id, delay_s=queue.delay_s, is_fifo=queue.is_fifo)


class Held:
    """The deliveries that this process holds, by step. Any thread may add and remove."""

    def __init__(self) -> None:
        self._works: dict[str, set[Work]] = {}

    def add(self, step: str, work: Work) -> None:
        """It was leased. Only the router adds."""
        self._works.setdefault(step, set()).add(work)

    def remove(self, step: str, work: Work) -> None:
        """It was answered."""
        self._works[step].discard(work)

    def count_of(self, step: str) -> int:
        """How many are held for the step."""
        return len(self._works.get(step, ()))

    @property
    def count(self) -> int:
        """How many are held."""
        return sum(map(len, list(self._works.values())))


class Pump(Control):
    """Look at what the steps noted as woken can take."""


class Drain(Control):
    """Lease no more, and give back what has not begun."""


class RouterActor(Actor):
    """Moves deliveries.

    Args:
        cell: Where it lives.
        report: Called when it ends.
        store: Where deliveries are.
        table: The ports.
        held: What this process holds; it outlives the actor, as the deliveries do.
        clock: For what is due later.
    """

    def __init__(
        self,
        cell: Cell,
        report: Callable[[ChildFailed], None],
        *,
        store: Store,
        table: Table,
        held: Held,
        clock: Clock,
    ) -> None:
        super().__init__(cell, report)
        self._store, self._table, self._clock = store, table, clock
        self._held = held
        self._woken: set[str] = set()
        self._woken_lock = allocate_lock()
        self._is_draining = False
        self._net_s = 0.0
        self._due_s: dict[str, float] = {}

    # Called by other threads.

    def wake(self, wake: Wake) -> None:
        """Note what a commit woke; an empty Wake means everything."""
        self.wake_steps(wake.steps or (() if wake.streams else tuple(self._table.ports)))

    def wake_steps(self, steps: Iterable[str]) -> None:
        """Look at these steps soon. Any thread may call it; it never blocks."""
        with self._woken_lock:
            was_quiet = not self._woken
            self._woken.update(steps)
            is_first = was_quiet and bool(self._woken)
        if is_first:
            try:
                self._cell.tell(Pump())
            except ActorError:
                logger.debug("wake-up after the router was stopped")

    # The actor's own turns.

    def wait_s(self) -> float | None:
        """Until something is due, or the net is."""
        due_s = min(self._due_s.values(), default=float("inf"))
        until_due_s = due_s - self._clock.now_s()
        return max(0.0, min(until_due_s, self._net_s - self._clock.monotonic_s()))

    def on_tick(self) -> None:
        """Look at the steps with something due, and now and then at all."""
        now_s = self._clock.now_s()
        steps = {step for step, due_s in self._due_s.items() if due_s <= now_s}
        if self._clock.monotonic_s() >= self._net_s:
            self._net_s = self._clock.monotonic_s() + NET_S
            if not self._is_draining:
                self._store.events.free_dead_owners()
            steps.update(self._table.ports)
        self._pump(steps)

    def on_receive(self, message: Any) -> object:
        """Pump, or drain."""
        match message:
            case Pump():
                with self._woken_lock:
                    woken, self._woken = self._woken, set()
                self._pump(woken)
            case Drain():
                self._drain()
            case _:
                raise MotiaError(f"the router does not know {message!r}")
        return None

    def _pump(self, steps: Iterable[str]) -> None:
        """Lease for every step with room, in one commit, and fill the mailboxes."""
        if self._is_draining:
            return
        wanted = [
            (port, room)
            for port in map(self._table.ports.get, steps)
            if port is not None and (room := self._room(port)) > 0 and self._is_due(port)
        ]
        if not wanted:
            return
        leases: list[Write[object]] = [
            Lease(
                step=port.step.id,
                count_max=room,
                visibility_s=port.step.infrastructure.queue.visibility_s,
            )
            for port, room in wanted
        ]
        try:
            answers = self._store.commit(leases).result(COMMIT_S_MAX)
        except StoreError as error:
            # Nothing was leased and nothing is lost; the net tries again.
            logger.warning("cannot lease: %s", error)
            return
        for (port, _room), deliveries in zip(wanted, answers, strict=True):
            for delivery in deliveries:  # type: ignore[attr-defined]  # a Lease answers a list
                self._deliver(port, delivery)

    def _room(self, port: Port) -> int:
        if port.step.kind not in ("event", "cron") or port.cell.status != "running":
            return 0
        return port.lease_max - self._held.count_of(port.step.id)

    def _is_due(self, port: Port) -> bool:
        """Something can be leased now; else note when."""
        due_s = self._store.events.next_due_s(port.step.id)
        if due_s is None:
            self._due_s.pop(port.step.id, None)
            return False
        self._due_s[port.step.id] = due_s
        if due_s > self._clock.now_s():
            return False
        # Leased in a moment; if something is left, finishing it wakes the step again.
        del self._due_s[port.step.id]
        return True

    def _deliver(self, port: Port, delivery: Delivery) -> None:
        event = delivery.event
        is_cron = port.step.kind == "cron"
        data = None if is_cron else decode(event.data)
        call = Call(
            kind="cron" if is_cron else "event",
            trace_id=event.trace_id,
            flows=port.step.flows,
            input=data,
            delivery=delivery,
        )
        work = Work(call, limit_s=port.limit_s)
        self._held.add(port.step.id, work)
        work.answer.on_done(lambda answer: self._finished(port, work, answer))
        refused = _spent(port, delivery) or (None if is_cron else port.check(data))
        if refused is not None:
            work.set(refused)
            return
        try:
            port.cell.mailbox.put(work)
        except ActorError as error:
            work.answer.set_error(error)

    # What became of a delivery: on the thread that answers.

    def _finished(self, port: Port, work: Work, answer: Promise[Outcome]) -> None:
        self._held.remove(port.step.id, work)
        assert work.call.delivery is not None
        write = self._verdict(port, work.call.delivery, answer)
        self._store.commit([write]).on_done(_log_lost)
        # Half of the places free again is soon enough: each look is a commit.
        if 2 * self._held.count_of(port.step.id) <= port.lease_max:
            self.wake_steps((port.step.id,))

    def _verdict(self, port: Port, delivery: Delivery, answer: Promise[Outcome]) -> Write[object]:
        match answer.error or answer.result():
            case Returned():
                return Ack(delivery=delivery)
            case Failed() as failed:
                return self._after_failure(port, delivery, failed)
            case ActorError() as error if work_was_not_run(error):
                return Release(delivery=delivery)
            case error:
                failed = Failed(kind=type(error).__name__, message=str(error))
                return self._after_failure(port, delivery, failed)

    def _after_failure(self, port: Port, delivery: Delivery, failed: Failed) -> Write[object]:
        decision = after_failure(
            port.step.infrastructure.queue,
            failed,
            attempt=delivery.attempt,
            chance=random.random(),  # noqa: S311 (spreads retries, guards nothing)
        )
        extra = {"step": port.step.name, "attempt": delivery.attempt, "topic": delivery.event.topic}
        if isinstance(decision, RetryIn):
            logger.warning(
                "%s: %s; retried in %.3g s",
                failed.kind,
                failed.message,
                decision.delay_s,
                extra={"fields": extra},
            )
            return Retry(delivery=delivery, delay_s=decision.delay_s)
        logger.error(
            "%s: %s; kept as a dead letter", failed.kind, failed.message, extra={"fields": extra}
        )
        return Bury(delivery=delivery, error=decision.error)

    def _drain(self) -> None:
        self._is_draining = True
        for port in self._table.ports.values():
            if port.step.kind in ("event", "cron"):
                for work in port.cell.mailbox.take_all_work():
                    work.answer.set_error(NotRunError(f"step {port.step.name!r} drains"))


def _spent(port: Port, delivery: Delivery) -> Failed | None:
    """A delivery that was leased more often than it may run took its process with it each time."""
    if delivery.attempt <= 1 + port.step.infrastructure.queue.retries_max:
        return None
    return Failed(
        kind="LostError",
        message="every run ended with its process or its lease, and none of them answered",
        is_final=True,
    )


def work_was_not_run(error: ActorError) -> bool:
    """The handler never began, so that the attempt does not count."""
    return isinstance(error, NotRunError | MailboxFullError | ActorStoppedError)


def _log_lost(answer: Promise[list[object]]) -> None:
    error = answer.error
    if isinstance(error, LeaseLostError):
        logger.warning("%s; it may run twice", error)
    elif error is not None:
        logger.error("a delivery's end was not kept, so it is run again: %s", error)
