"""The clock actor: turns schedules into durable events, one run a slot however many processes.

A lock that dies with its holder makes one process the leader, which saves the others the work;
what makes a slot fire once is that it is claimed in the same commit as its run is queued.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from motia_actors.actors.actor import Actor, Cell, ChildFailed
from motia_actors.actors.mailbox import Control
from motia_actors.adjustments import is_paused
from motia_actors.clock import Clock
from motia_actors.errors import MotiaError, StoreError
from motia_actors.messages import Event
from motia_actors.steps.config import CRON_TOPIC, Step
from motia_actors.steps.schedule import Schedule
from motia_actors.store import CronFire, Store

logger = logging.getLogger(__name__)

LEADER_LOCK = "clock"
LOOK_S_MAX = 1.0
"""How long a lost leader, a changed table or a clock that was set may go unseen."""
LATE_S_MAX = 5.0
"""A slot this late still counts as on time; a later one is a misfire."""
COMMIT_S_MAX = 60.0


class Reschedule(Control):
    """Take over these cron steps in place of all former ones."""

    def __init__(self, schedules: Mapping[str, tuple[Step, Schedule]]) -> None:
        self.schedules = schedules


class Fire(Control):
    """Queue a run of a cron step now, beside its schedule."""

    def __init__(self, step: str) -> None:
        self.step = step


class ClockActor(Actor):
    """Emits cron ticks.

    Args:
        cell: Where it lives.
        report: Called when it ends.
        store: Where slots are claimed.
        clock: What time it is.
        new_event: Makes the event of a run, of a topic and its step.
        schedules: Cron steps by id, each with its parsed schedule.
    """

    def __init__(
        self,
        cell: Cell,
        report: Callable[[ChildFailed], None],
        *,
        store: Store,
        clock: Clock,
        new_event: Callable[[str, Step], Event],
        schedules: Mapping[str, tuple[Step, Schedule]],
    ) -> None:
        super().__init__(cell, report)
        self._store, self._clock, self._new_event = store, clock, new_event
        self._schedules = schedules
        self._next_s: dict[str, float] = {}
        self._is_leader = False
        self._seen_s = 0.0

    def on_stop(self) -> None:
        """Let another process lead."""
        self._store.locks.release(LEADER_LOCK)

    def wait_s(self) -> float | None:
        """Until the next slot, if this process leads, but never long."""
        if not self._schedules:
            return None
        if not self._is_leader:
            return LOOK_S_MAX
        next_s = min(self._next_s.values(), default=float("inf")) - self._clock.now_s()
        return max(0.0, min(LOOK_S_MAX, next_s))

    def on_tick(self) -> None:
        """Try to lead; fire what is due."""
        now_s = self._clock.now_s()
        if not self._is_leader:
            if not self._store.locks.try_hold(LEADER_LOCK):
                return
            self._is_leader = True
            self._plan(now_s)
        elif now_s < self._seen_s:
            logger.warning("the clock went back by %.1f s", self._seen_s - now_s)
            self._plan(now_s)
        self._seen_s = now_s
        for step_id, slot_s in list(self._next_s.items()):
            step, schedule = self._schedules[step_id]
            if slot_s <= now_s:
                self._fire_due(step, schedule, slot_s, now_s=now_s)

    def on_receive(self, message: Any) -> object:
        """Take over a new table, or fire by hand."""
        match message:
            case Reschedule():
                self._schedules = message.schedules
                self._next_s = {}
                if self._is_leader:
                    self._plan(self._clock.now_s())
                return None
            case Fire():
                known = self._schedules.get(message.step)
                if known is None:
                    return MotiaError(f"{message.step!r} is no cron step")
                return self._fire(known[0], self._clock.now_s())
            case _:
                raise MotiaError(f"the clock does not know {message!r}")

    def _plan(self, now_s: float) -> None:
        """Note the next slot of each step, and make up for one missed where that is wanted."""
        for step, schedule in self._schedules.values():
            last_s = self._store.events.last_slot_s(step.id)
            policy = step.cron_policy
            missed_s = schedule.last_s(now_s) if policy.misfire == "once" else None
            if (
                missed_s is not None
                and not is_paused(self._store, step.id)
                and last_s is not None
                and last_s < missed_s
                and now_s - missed_s <= policy.grace_s
            ):
                self._fire(step, missed_s)
            elif last_s is not None and last_s < now_s < last_s + LATE_S_MAX:
                # A take-over between two slots of a busy schedule: go on where the last one was.
                self._next_s[step.id] = schedule.next_s(last_s) or float("inf")
                continue
            self._next_s[step.id] = schedule.next_s(now_s) or float("inf")

    def _fire_due(self, step: Step, schedule: Schedule, slot_s: float, *, now_s: float) -> None:
        # Slots that passed together, in a pause of the process or a leap of the clock, are one:
        # the last of them.
        last_s = schedule.last_s(now_s)
        if last_s is not None and last_s > slot_s:
            slot_s = last_s
        late_s = now_s - slot_s
        policy = step.cron_policy
        if is_paused(self._store, step.id):
            logger.debug("cron step %s is paused; this slot is skipped", step.name)
        elif late_s <= LATE_S_MAX or (policy.misfire == "once" and late_s <= policy.grace_s):
            self._fire(step, slot_s)
        else:
            logger.warning("cron step %s missed its slot by %.0f s", step.name, late_s)
        self._next_s[step.id] = schedule.next_s(max(now_s, slot_s)) or float("inf")

    def _fire(self, step: Step, slot_s: float) -> str:
        write = CronFire(
            step=step.id,
            slot_s=slot_s,
            event=self._new_event(CRON_TOPIC, step),
            # The queue of a step that takes events too does not tell its own runs from theirs.
            allow_overlap=step.cron_policy.overlap == "allow" or bool(step.subscribes),
        )
        try:
            [answer] = self._store.commit([write]).result(COMMIT_S_MAX)
        except StoreError as error:
            logger.error("cron step %s was not fired: %s", step.name, error)
            return "failed"
        if answer == "busy":
            logger.warning("cron step %s still runs; this slot is skipped", step.name)
        return str(answer)
