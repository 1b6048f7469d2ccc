"""The queues of the memory store: each delivery a frozen struct in a dict of its step."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from motia_actors.clock import Clock
from motia_actors.errors import LeaseLostError, QueueFullError
from motia_actors.messages import DeadLetter, Delivery, Event, Target
from motia_actors.store import (
    Ack,
    Bury,
    CronFire,
    DeadPurge,
    DeadReplay,
    EventCancel,
    EventPut,
    Extend,
    Lease,
    QueueDepth,
    Release,
    Retry,
    Scheduled,
    Sweep,
    Write,
)
from motia_actors.stores import bursts, letters, limits
from motia_actors.stores.memory_dead import Buried, Dedupes, Graveyard

_SETTLING = Ack | Bury | Release | Retry
_QUEUE_WRITES = (
    CronFire | DeadPurge | DeadReplay | EventCancel | EventPut | Extend | Lease | Sweep | _SETTLING
)


class _Queued(msgspec.Struct, frozen=True, kw_only=True):
    """One delivery: `lease` is the number of the running lease, 0 where there is none.

    `is_scheduled`: it can be cancelled. `burst` is the key of a debounced one.
    """

    number: int
    event: Event
    step: str
    put_s: float
    due_s: float
    fifo_group: str | None
    is_scheduled: bool = False
    burst: str | None = None
    attempt: int = 0
    lease: int = 0


class Queue:
    """Deliveries, dead letters, dedupe keys and cron slots. The store's lock guards it."""

    def __init__(self, clock: Clock) -> None:
        self.slots: dict[str, float] = {}
        self._clock = clock
        self._queued: dict[int, _Queued] = {}
        self._number = 0
        self._undo: list[Callable[[], object]] = []
        self._dead = Graveyard(self._undo)
        self._dedupes = Dedupes(clock, self._undo)

    def apply(self, writes: Sequence[Write[object]], woken: set[str]) -> dict[int, object]:
        """Do those writes that are the queue's, all or none; answers by their index.

        Adds to woken the steps that have something new to lease, now or later.
        """
        self._undo.clear()
        try:
            return {
                index: self._apply_one(write, woken)
                for index, write in enumerate(writes)
                if isinstance(write, _QUEUE_WRITES)
            }
        except (LeaseLostError, QueueFullError):
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
        dead = len(self._dead.of(step))
        return QueueDepth(waiting=len(queued) - leased, leased=leased, dead=dead)

    def steps(self) -> list[str]:
        """List the steps that have a delivery or a dead letter."""
        living = {queued.step for queued in self._queued.values()}
        return sorted(living | self._dead.steps())

    def dead(self, step: str, *, after_id: str | None) -> list[DeadLetter]:
        """List the step's dead letters that come after one, oldest first."""
        return self._dead.page(step, after_id=after_id)

    def scheduled(self) -> list[Scheduled]:
        """List what waits and can be taken back or replaced, first due first."""
        now_s = self._clock.now_s()
        found = [
            Scheduled(
                event=queued.event,
                step=queued.step,
                due_s=queued.due_s,
                is_burst=queued.burst is not None,
            )
            for queued in self._queued.values()
            if (queued.is_scheduled or queued.burst is not None)
            and not (queued.lease and queued.due_s > now_s)
        ]
        return sorted(found, key=lambda one: (one.due_s, one.event.id, one.step))

    def dead_letter(self, step: str, letter_id: str) -> DeadLetter | None:
        """Find one of the step's dead letters."""
        return next((one.letter for one in self._dead.of(step, [letter_id])), None)

    def rows(self) -> dict[str, int]:
        """Count what is kept."""
        scheduled = sum(
            1 for one in self._queued.values() if one.is_scheduled or one.burst is not None
        )
        return {
            "due": len(self._queued),
            "dead": len(self._dead),
            "dedupes": len(self._dedupes),
            "scheduled": scheduled,
        }

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
            case EventPut():
                return self._put_all(write, woken)
            case EventCancel(event_id=event_id):
                return self._cancel(event_id, woken)
            case DeadReplay():
                return self._replay(write, woken)
            case DeadPurge(step=step, ids=ids):
                return self._dead.remove(self._dead.of(step, ids))
            case Sweep(rows_max=rows_max):
                swept = self._dedupes.sweep(rows_max=rows_max)
                old = self._dead.expired(write, now_s=self._clock.now_s())
                return swept + self._dead.remove(old[: rows_max - swept])
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

    def _put_all(self, write: EventPut, woken: set[str]) -> str:
        event, key = write.event, write.dedupe_key
        if key is not None and write.targets:
            other_id = self._dedupes.standing(event.topic, key)
            if other_id is not None:
                return other_id
            self._dedupes.stand(event, key, window_s=write.dedupe_window_s)
        for target in write.targets:
            self._check_room(event, target)
            self._put(event, target, not_before_s=write.not_before_s)
            woken.add(target.step)
        return event.id

    def _check_room(self, event: Event, target: Target) -> None:
        if target.depth_max is None:
            return
        depth = len(self._of(target.step)) - len(self._burst(event, target))
        if depth >= target.depth_max:
            raise QueueFullError(target.step, depth=depth, depth_max=target.depth_max)

    def _put(self, event: Event, target: Target, *, not_before_s: float | None = None) -> None:
        now_s = self._clock.now_s()
        due_s, put_s = now_s + target.delay_s, now_s
        debounce = target.debounce
        if debounce is not None:
            for earlier in self._burst(event, target):
                put_s = put_s if earlier.attempt else min(put_s, earlier.put_s)
                self._drop(earlier)
            due_s = max(due_s, debounce.due_s(began_s=put_s, now_s=now_s))
        self._number += 1
        self._keep(
            _Queued(
                number=self._number,
                event=event,
                step=target.step,
                put_s=put_s,
                due_s=due_s if not_before_s is None else max(due_s, not_before_s),
                fifo_group=event.group_id if target.is_fifo else None,
                is_scheduled=not_before_s is not None and debounce is None,
                burst=None if debounce is None else bursts.key_of(debounce, event.data),
            )
        )

    def _burst(self, event: Event, target: Target) -> list[_Queued]:
        """What the event takes the place of at the target."""
        if target.debounce is None:
            return []
        now_s, key = self._clock.now_s(), bursts.key_of(target.debounce, event.data)
        return [
            queued
            for queued in self._of(target.step)
            if queued.burst == key and not (queued.lease and queued.due_s > now_s)
        ]

    def _cancel(self, event_id: str, woken: set[str]) -> int:
        now_s = self._clock.now_s()
        idle = [
            queued
            for queued in self._queued.values()
            if queued.event.id == event_id
            and queued.is_scheduled
            and not (queued.lease and queued.due_s > now_s)
        ]
        for queued in idle:
            self._drop(queued)
            woken.add(queued.step)
        return len(idle)

    def _replay(self, write: DeadReplay, woken: set[str]) -> int:
        chosen = self._dead.of(write.step, write.ids)
        for buried in chosen:
            event = buried.letter.event
            if write.data is not None:
                event = msgspec.structs.replace(event, data=write.data)
            self._number += 1
            self._keep(
                _Queued(
                    number=self._number,
                    event=event,
                    step=write.step,
                    put_s=buried.letter.put_s,
                    due_s=self._clock.now_s(),
                    fifo_group=buried.fifo_group,
                    is_scheduled=buried.is_scheduled,
                    burst=buried.burst,
                )
            )
            woken.add(write.step)
        return self._dead.remove(chosen)

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

    def _settle(self, write: _SETTLING) -> None:
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
            case Bury():
                self._drop(held)
                self._bury(held, write, now_s)

    def _bury(self, held: _Queued, write: Bury, now_s: float) -> None:
        self._number += 1
        letter = DeadLetter(
            id=letters.id_of(self._number),
            event=held.event,
            step=held.step,
            attempts=held.attempt,
            error=limits.cut(write.error),
            stack=limits.cut_stack(write.stack),
            put_s=held.put_s,
            died_s=now_s,
        )
        self._dead.add(
            Buried(
                number=self._number,
                letter=letter,
                fifo_group=held.fifo_group,
                is_scheduled=held.is_scheduled,
                burst=held.burst,
            )
        )

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
