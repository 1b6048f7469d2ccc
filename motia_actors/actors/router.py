"""The router: maps topics to steps, and moves deliveries from the store into their mailboxes.

It leases no more than a mailbox has room for and a step can soon run, so that a burst is shared
by all processes and nothing waits where nobody works. `deliveries.py` has what becomes of them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any

from motia_actors.actors.actor import Actor, Cell, ChildFailed
from motia_actors.actors.deliveries import Deliveries
from motia_actors.actors.mailbox import Control
from motia_actors.actors.ports import Port, Table
from motia_actors.clock import Clock
from motia_actors.errors import (
    ActorError,
    MailboxFullError,
    MotiaError,
    NotRunError,
    StoreError,
)
from motia_actors.messages import Delivery, Wake
from motia_actors.store import Lease, Store, Write
from motia_actors.threads import allocate_lock

logger = logging.getLogger(__name__)

NET_S = 0.5
"""Every step is looked at this often, so that a lost wake-up costs latency and nothing more."""


FULL_S = 0.01
"""How soon a step is looked at again whose mailbox was full though it should not have been."""


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
        deliveries: What this process holds.
        clock: For what is due later.
    """

    def __init__(
        self,
        cell: Cell,
        report: Callable[[ChildFailed], None],
        *,
        store: Store,
        table: Table,
        deliveries: Deliveries,
        clock: Clock,
    ) -> None:
        super().__init__(cell, report)
        self._store, self._table, self._clock = store, table, clock
        self._deliveries = deliveries
        self._woken: set[str] = set()
        self._woken_lock = allocate_lock()
        self._net_s = 0.0
        self._due_s: dict[str, float] = {}
        self._rest_until_s: dict[str, float] = {}

    # Called by other threads.

    def wake(self, wake: Wake) -> None:
        """Note what a commit woke; an empty Wake means everything."""
        self.wake_steps(wake.steps or (() if wake.streams else tuple(self._table.ports)))

    def wake_steps(self, steps: Iterable[str]) -> None:
        """Look at these steps soon. Any thread may call it; it never blocks."""
        with self._woken_lock:
            self._deliveries.behind.update(steps)
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
            self._deliveries.renew()
            if not self._deliveries.is_draining:
                self._free_dead_owners()
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
        if self._deliveries.is_draining:
            return
        wanted = []
        for port in map(self._table.ports.get, steps):
            if port is None:
                continue
            # Said before the look, so that whatever ends after it wakes the step again.
            self._deliveries.behind.add(port.step.id)
            if (room := self._room(port)) > 0:
                if self._is_due(port):
                    wanted.append((port, room))
                else:
                    self._caught_up(port.step.id)
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
            # Without a limit: leases that are granted late are ours all the same.
            answers = self._store.commit(leases).result()
        except StoreError as error:
            # Nothing was leased and nothing is lost; the net tries again.
            logger.warning("cannot lease: %s", error)
            return
        for (port, room), deliveries in zip(wanted, answers, strict=True):
            for delivery in deliveries:  # type: ignore[attr-defined]  # a Lease answers a list
                self._hand_over(port, delivery)
            # Only now: what is taken as it is put would come before these.
            if len(deliveries) < room:  # type: ignore[arg-type]  # a Lease answers a list
                self._caught_up(port.step.id)

    def _caught_up(self, step: str) -> None:
        """Nothing more of the step was due, unless it was woken since that look."""
        with self._woken_lock:
            if step not in self._woken:
                self._deliveries.behind.discard(step)

    def _hand_over(self, port: Port, delivery: Delivery) -> None:
        work = self._deliveries.take(port, delivery)
        if work.answer.is_done:
            return  # It ended before it began: spent, or its input is wrong.
        try:
            port.cell.mailbox.put(work, may_wait=False, is_work=True)
        except ActorError as error:
            # Its actor does not take what it should: no use to lease more at once. A mailbox that
            # is small is only full until its threads come for what was put a moment ago.
            rest_s = FULL_S if isinstance(error, MailboxFullError) else NET_S
            until_s = self._clock.monotonic_s() + rest_s
            self._rest_until_s[port.step.id] = until_s
            self._net_s = min(self._net_s, until_s)
            work.answer.set_error(error)

    def _free_dead_owners(self) -> None:
        try:
            self._store.events.free_dead_owners()
        except (StoreError, OSError) as error:
            # A full disk, say. What dead processes held is freed once it can be.
            logger.warning("cannot free what dead processes held: %s", error)

    def _room(self, port: Port) -> int:
        if not port.step.is_queued or port.cell.status != "running":
            return 0
        if self._rest_until_s.get(port.step.id, 0.0) > self._clock.monotonic_s():
            return 0
        return port.lease_max - port.held.count

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

    def _drain(self) -> None:
        for port in self._table.ports.values():
            if port.step.is_queued:
                for work in port.cell.mailbox.take_all_work():
                    work.answer.set_error(NotRunError(f"step {port.step.name!r} drains"))
