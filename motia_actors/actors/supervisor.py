"""The supervisor: starts children in order, restarts them, stops them in reverse.

`restart.py` decides. A child that fails is restarted after its backoff, and with it, by the
strategy, its siblings. Past its policy a child is either suspended (its mailbox kept, tried
again later) or the supervisor itself fails, which is its parent's to decide about.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from motia_actors.actors.actor import Actor, Cell, ChildFailed, ChildSpec, Stop, refuse
from motia_actors.actors.mailbox import Control
from motia_actors.actors.restart import (
    GiveUp,
    Restart,
    Strategy,
    affected,
    decide,
    suspension_s,
    wants_restart,
)
from motia_actors.clock import Clock
from motia_actors.errors import ActorCrashedError, MotiaError, TimeLimitError

logger = logging.getLogger(__name__)

START_S_MAX = 30.0
FAILURES_MAX = 100


class AddChild(Control):
    """Start one more child, or replace the one of that name, keeping its mailbox."""

    def __init__(self, spec: ChildSpec) -> None:
        self.spec = spec


class RemoveChild(Control):
    """Stop a child for good and forget it."""

    def __init__(self, name: str) -> None:
        self.name = name


class RestartChild(Control):
    """Stop a child and start it again at once, its suspension ended and its failures forgotten."""

    def __init__(self, name: str) -> None:
        self.name = name


class SuspendChild(Control):
    """Stop a child until RestartChild comes."""

    def __init__(self, name: str) -> None:
        self.name = name


class Supervisor(Actor):
    """Keeps its children alive.

    Args:
        cell: Where it lives.
        report: Called when it ends.
        cells: Its children's places, in the order in which they start. They belong to whoever
            made the supervisor: when it is restarted itself, its children's mailboxes, which
            hold what was promised, are still there.
        strategy: Which siblings restart with a failed child.
        clock: For windows and backoffs.
        on_change: Called after a child started, fell into backoff or was suspended; must be
            quick. For who routes by status.
    """

    def __init__(
        self,
        cell: Cell,
        report: Callable[[ChildFailed], None],
        *,
        cells: dict[str, Cell],
        clock: Clock,
        strategy: Strategy = "one_for_one",
        on_change: Callable[[Cell], None] = lambda _cell: None,
    ) -> None:
        super().__init__(cell, report)
        self._clock = clock
        self._strategy: Strategy = strategy
        self._on_change = on_change
        self.cells = cells

    def on_start(self) -> None:
        """Start the children, each once its elder is up."""
        for cell in list(self.cells.values()):
            self._start(cell)

    def on_stop(self) -> None:
        """Stop the children, youngest first."""
        for cell in reversed(self.cells.values()):
            self._stop_child(cell)
            refuse(cell.mailbox.close(), cell.name)

    def on_failure(self, *_: Any) -> None:
        """Take the children along; their mailboxes wait for the next supervisor."""
        for cell in reversed(self.cells.values()):
            self._stop_child(cell)

    def wait_s(self) -> float | None:
        """Until the first child is due to start again."""
        due_s = [cell.resume_s for cell in self.cells.values() if _rests(cell)]
        return max(0.0, min(due_s) - self._clock.monotonic_s()) if due_s else None

    def on_tick(self) -> None:
        """Start the children whose backoff or suspension is over."""
        now_s = self._clock.monotonic_s()
        for cell in list(self.cells.values()):
            if _rests(cell) and cell.resume_s <= now_s:
                self._start(cell)

    def on_receive(self, message: Any) -> object:
        """Carry out an order, or deal with a child's end.

        An order for a child that is not there is answered with an error, and crashes nobody.
        """
        match message:
            case ChildFailed():
                self._ended(message)
            case AddChild():
                return self._add(message.spec)
            case RemoveChild():
                self._remove(message.name)
            case RestartChild() | SuspendChild() if message.name not in self.cells:
                return MotiaError(f"there is no {message.name!r} here")
            case RestartChild():
                self._restart(message.name)
            case SuspendChild():
                self._suspend(message.name)
            case _:
                raise MotiaError(f"a supervisor does not know {message!r}")
        return None

    # Starting and stopping one child.

    def _start(self, cell: Cell) -> None:
        cell.generation += 1
        cell.status = "starting"
        try:
            actor = cell.spec.make(cell)
            actor.launch()
        except Exception as error:  # noqa: BLE001 (a child that cannot be made is a failed child)
            self._child_failed(cell, error)
            return
        cell.actor = actor
        try:
            actor.started.result(START_S_MAX)
        except TimeLimitError as error:
            actor.give_up()
            self._child_failed(cell, error)
            return
        except BaseException:  # noqa: BLE001 (it reports its failure itself)
            return
        cell.status = "running"
        self._on_change(cell)

    def _stop_child(self, cell: Cell) -> None:
        actor, cell.status = cell.actor, "stopped"
        cell.generation += 1  # Whatever the old one still reports is of the past.
        if actor is None or actor.actor_stopped.is_set():
            return
        cell.tell(Stop(actor.generation))
        if not actor.join(cell.spec.shutdown_s):
            logger.warning("%s did not stop within %g s", cell.name, cell.spec.shutdown_s)
            actor.give_up()
        cell.actor = None

    # What happened to one child.

    def _ended(self, ended: ChildFailed) -> None:
        cell = self.cells.get(ended.name)
        if cell is None or cell.generation != ended.generation:
            return
        cell.actor = None
        cell.generation += 1  # An abandoned actor may report again when its thread ends.
        if ended.error is not None:
            self._child_failed(cell, ended.error)
        elif wants_restart(cell.spec.restart, is_failure=False):
            self._start(cell)
        else:
            cell.status = "stopped"

    def _child_failed(self, cell: Cell, error: BaseException) -> None:
        now_s = self._clock.monotonic_s()
        cell.last_error = f"{type(error).__name__}: {error}"
        if not wants_restart(cell.spec.restart, is_failure=True):
            cell.status = "stopped"
            return
        cell.failures_s = [*cell.failures_s[-FAILURES_MAX:], now_s]
        match decide(cell.spec.policy, cell.failures_s, now_s=now_s):
            case Restart(delay_s):
                names = affected(self._strategy, list(self.cells), cell.name)
                for name in reversed(names):
                    if name != cell.name:
                        self._stop_child(self.cells[name])
                for name in names:
                    self._rest(self.cells[name], "backoff", now_s + delay_s)
                cell.restarts += 1
            case GiveUp(reason):
                self._give_up(cell, reason, error)

    def _give_up(self, cell: Cell, reason: str, error: BaseException) -> None:
        if cell.spec.on_give_up == "escalate":
            raise ActorCrashedError(f"{cell.name} was given up: {reason}") from error
        cell.suspensions += 1
        rest_s = suspension_s(cell.spec.policy, count=cell.suspensions)
        cell.failures_s = []
        logger.error("%s is suspended for %g s: %s; %s", cell.name, rest_s, reason, cell.last_error)
        self._rest(cell, "suspended", self._clock.monotonic_s() + rest_s)

    def _rest(self, cell: Cell, status: Any, resume_s: float) -> None:
        cell.status, cell.resume_s = status, resume_s
        self._on_change(cell)

    # Orders.

    def _add(self, spec: ChildSpec) -> Cell:
        cell = self.cells.get(spec.name)
        if cell is None:
            cell = self.cells[spec.name] = Cell(spec)
        else:
            self._stop_child(cell)
            cell.spec = spec
            cell.mailbox.overflow = spec.overflow
            cell.mailbox.resize(spec.size_max)
            cell.failures_s, cell.suspensions = [], 0
        self._start(cell)
        return cell

    def _remove(self, name: str) -> None:
        cell = self.cells.pop(name, None)
        if cell is not None:
            self._stop_child(cell)
            refuse(cell.mailbox.close(), name)

    def _restart(self, name: str) -> None:
        cell = self.cells[name]
        self._stop_child(cell)
        cell.failures_s, cell.suspensions = [], 0
        self._start(cell)

    def _suspend(self, name: str) -> None:
        cell = self.cells[name]
        self._stop_child(cell)
        self._rest(cell, "suspended", float("inf"))


def _rests(cell: Cell) -> bool:
    return cell.status in ("backoff", "suspended") and cell.resume_s != float("inf")
