"""The queues of the memory store: each delivery a frozen struct in a dict of its step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import msgspec

from motia_actors.clock import Clock
from motia_actors.errors import LeaseLostError
from motia_actors.messages import DeadLetter, Delivery, Event, Target
from motia_actors.store import (
    Ack,
    Bury,
    CronFire,
    EventPut,
    Extend,
    Lease,
    QueueDepth,
    Release,
    Retry,
    Write,
)
from motia_actors.stores import limits

_QUEUE_WRITES = Ack | Bury | CronFire | EventPut | Extend | Lease | Release | Retry


class _Queued(msgspec.Struct, frozen=True, kw_only=True):
    """One delivery: `lease` is the number of the running lease, 0 where there is none."""

    number: int
    event: Event
    step: str
    put_s: float
    due_s: float
    fifo_group: str | None
    attempt: int = 0
    lease: int = 0


class Queue:
    """Deliveries, dead letters and cron slots. The store's lock guards it."""

    def __init__(self, clock: Clock) -> None:
        self.slots: dict[str, float] = {}
        self._clock = clock
        self._queued: dict[int, _Queued] = {}
        self._dead: list[DeadLetter] = []
        self._number = 0
        self._undo: list[Callable[[], object]] = []

    def apply(self, writes: Sequence[Write[object]], woken: set[str]) -> dict[int, object]:
        """Do those writes that are the queue's, all or none; answers by their index.

        Adds to woken the steps that have something new to lease, now or later.
        """
        self._undo = []
        try:
            return {
                index: self._apply_one(write, woken)
                for index, write in enumerate(writes)
                if isinstance(write, _QUEUE_WRITES)
            }
        except LeaseLostError:
            for undo in reversed(self._undo):
                undo()
            raise

    def next_due_s(self, step: str) -> float | None:
        """Tell when the first delivery that may be leased is due."""
        return min((queued.due_s for queued in self._heads(step)), default=None)

    def depth(self, step: str) -> QueueDepth:
        """Count; a lease that ran out is waiting again."""
        now_s = self._clock.now_s()
        queued = self._of(step)
        leased = sum(1 for one in queued if one.lease and one.due_s > now_s)
        dead = sum(1 for _ in self.dead(step))
        return QueueDepth(waiting=len(queued) - leased, leased=leased, dead=dead)

    def steps(self) -> list[str]:
        """List the steps that have a delivery or a dead letter."""
        living = {queued.step for queued in self._queued.values()}
        return sorted(living | {letter.step for letter in self._dead})

    def dead(self, step: str) -> Iterator[DeadLetter]:
        """Go through the step's dead letters, oldest first."""
        return (letter for letter in self._dead if letter.step == step)

    def _of(self, step: str) -> list[_Queued]:
        mine = [queued for queued in self._queued.values() if queued.step == step]
        return sorted(mine, key=lambda queued: queued.number)

    def _heads(self, step: str) -> list[_Queued]:
        """List what may be leased once due: all without a group, the first of each group."""
        groups: set[str] = set()
        heads = []
        for queued in self._of(step):
            if queued.fifo_group is None or queued.fifo_group not in groups:
                heads.append(queued)
            if queued.fifo_group is not None:
                groups.add(queued.fifo_group)
        return heads

    def _apply_one(self, write: _QUEUE_WRITES, woken: set[str]) -> object:
        match write:
            case EventPut(event=event, targets=targets):
                for target in targets:
                    self._put(event, target)
                    woken.add(target.step)
                return None
            case CronFire():
                return self._fire(write, woken)
            case Lease():
                return self._lease(write)
            case Extend(delivery=delivery, visibility_s=visibility_s):
                extended = self._take_up(self._held(delivery), visibility_s, counts=False)
                return self._delivery(extended)
            case _:
                self._settle(write)
                woken.add(write.delivery.step)
                return None

    def _put(self, event: Event, target: Target) -> None:
        now_s = self._clock.now_s()
        self._number += 1
        self._keep(
            _Queued(
                number=self._number,
                event=event,
                step=target.step,
                put_s=now_s,
                due_s=now_s + target.delay_s,
                fifo_group=event.group_id if target.is_fifo else None,
            )
        )

    def _fire(self, write: CronFire, woken: set[str]) -> str:
        last_s = self.slots.get(write.step)
        if last_s is not None and write.slot_s <= last_s:
            return "taken"
        self.slots[write.step] = write.slot_s
        if last_s is None:
            self._undo.append(lambda: self.slots.pop(write.step))
        else:
            self._undo.append(lambda: self.slots.__setitem__(write.step, last_s))
        if not write.allow_overlap and self._of(write.step):
            return "busy"
        self._put(write.event, Target(step=write.step))
        woken.add(write.step)
        return "fired"

    def _lease(self, write: Lease) -> list[Delivery]:
        now_s = self._clock.now_s()
        due = [queued for queued in self._heads(write.step) if queued.due_s <= now_s]
        due.sort(key=lambda queued: (queued.due_s, queued.number))
        taken = due[: max(0, write.count_max)]
        return [self._delivery(self._take_up(one, write.visibility_s)) for one in taken]

    def _settle(self, write: Ack | Retry | Release | Bury) -> None:
        held = self._held(write.delivery)
        now_s = self._clock.now_s()
        match write:
            case Ack():
                self._drop(held)
            case Retry(delay_s=delay_s):
                self._keep(msgspec.structs.replace(held, lease=0, due_s=now_s + delay_s))
            case Release():
                self._keep(
                    msgspec.structs.replace(held, lease=0, due_s=now_s, attempt=held.attempt - 1)
                )
            case Bury(error=error):
                self._drop(held)
                self._bury(held, limits.cut(error), now_s)

    def _bury(self, held: _Queued, error: str, now_s: float) -> None:
        letter = DeadLetter(
            event=held.event,
            step=held.step,
            attempts=held.attempt,
            error=error,
            put_s=held.put_s,
            died_s=now_s,
        )
        self._dead.append(letter)
        self._undo.append(self._dead.pop)

    def _held(self, delivery: Delivery) -> _Queued:
        number, _, lease = delivery.token.partition(b":")
        held = self._queued.get(int(number))
        if held is None or held.lease != int(lease):
            raise LeaseLostError(delivery.id)
        return held

    def _take_up(self, queued: _Queued, visibility_s: float, *, counts: bool = True) -> _Queued:
        self._number += 1
        leased = msgspec.structs.replace(
            queued,
            lease=self._number,
            due_s=self._clock.now_s() + visibility_s,
            attempt=queued.attempt + counts,
        )
        self._keep(leased)
        return leased

    def _delivery(self, leased: _Queued) -> Delivery:
        return Delivery(
            event=leased.event,
            step=leased.step,
            attempt=leased.attempt,
            put_s=leased.put_s,
            token=b"%d:%d" % (leased.number, leased.lease),
        )

    def _keep(self, queued: _Queued) -> None:
        old = self._queued.get(queued.number)
        self._queued[queued.number] = queued
        if old is None:
            self._undo.append(lambda: self._queued.pop(queued.number))
        else:
            self._undo.append(lambda: self._queued.__setitem__(queued.number, old))

    def _drop(self, queued: _Queued) -> None:
        del self._queued[queued.number]
        self._undo.append(lambda: self._queued.__setitem__(queued.number, queued))
