"""A store in plain dicts: the contract in its simplest form, for tests and trials.

Everything happens inside `commit`, under one lock, and dies with the object. It is written to
be read, not to be fast: where the LMDB store keeps an index, this one looks through a dict.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from motia_actors.clock import Clock
from motia_actors.errors import MotiaError, StoreClosedError
from motia_actors.journal import Journal, JournalRecord
from motia_actors.messages import Change, DeadLetter, Wake
from motia_actors.promise import Promise
from motia_actors.store import (
    EventQueue,
    JournalAppend,
    JournalClear,
    Locks,
    Notifier,
    QueueDepth,
    Scheduled,
    State,
    StateChange,
    StateClear,
    StateDelete,
    StateExpect,
    StateItem,
    StateSet,
    Store,
    StreamDelete,
    Streams,
    StreamSend,
    StreamSet,
    StreamUpdate,
    Sweep,
    Write,
)
from motia_actors.stores import limits
from motia_actors.stores.limits import RingLimits
from motia_actors.stores.memory_queue import Queue
from motia_actors.stores.memory_ring import Ring
from motia_actors.stores.memory_state import Values
from motia_actors.stores.notifying import LocalNotifier
from motia_actors.stores.updates import check_updates
from motia_actors.threads import Lock, Signal, allocate_lock


class MemoryStore(Store):
    """Keeps everything in this object: two of them are two worlds."""

    def __init__(
        self,
        clock: Clock,
        *,
        value_bytes_max: int = limits.VALUE_BYTES_MAX,
        journal: RingLimits = limits.JOURNAL,
        changes: RingLimits = limits.CHANGES,
    ) -> None:
        self.value_bytes_max = value_bytes_max
        self._world = world = _World(clock, changes)
        self._commits = 0
        self._signal = Signal()
        self._clock, self._journal_limits = clock, journal
        self._notifier = LocalNotifier()
        self.state: State = _State(world)
        self.streams: Streams = _Streams(world)
        self.events: EventQueue = _Events(world)
        self.journal: Journal = _Journal(world)
        self.locks: Locks = _Locks(world)
        self.notifier: Notifier = self._notifier

    def open(self) -> None:
        """Make it usable; what was kept before a `close` is there again."""
        self._world.is_open = True

    def commit(
        self,
        writes: Sequence[Write[object]],
        *,
        may_use_reserve: bool = False,  # noqa: ARG002 (there is no limit to go beyond)
    ) -> Promise[list[object]]:
        """Keep all writes or none, before it returns."""
        try:
            limits.check(writes, value_bytes_max=self.value_bytes_max)
            with self._world.reading():
                answers, wake = self._apply(writes)
        except MotiaError as error:
            return Promise.broken(error)
        if wake.steps or wake.streams:
            self._notifier.tell(wake)
        return Promise.of(answers)

    def commit_waiting(self, *, wait_s: float) -> int:
        """Wait up to wait_s, or until `close`: there is nothing to commit here."""
        if not self._world.is_open:
            raise StoreClosedError("the store is closed")
        self._signal.wait(wait_s)
        return 0

    def statistics(self) -> dict[str, float]:
        """How many commits were kept, and how many rows there are."""
        found = {**self._world.queue.rows(), **self._world.state.rows()}
        rows = {f"rows_{name}": count for name, count in found.items()}
        return {"commits": self._commits, "value_bytes_max": self.value_bytes_max, **rows}

    def close(self) -> None:
        """Refuse further calls."""
        self._world.is_open = False
        self._signal.set()

    def _apply(self, writes: Sequence[Write[object]]) -> tuple[list[object], Wake]:
        # The queue goes first of those that change something, since it undoes its own where it
        # refuses; what the others answer does not depend on it.
        self._world.streams.check(writes)
        self._world.state.check(writes)
        steps: set[str] = set()
        streams: set[str] = set()
        queued = self._world.queue.apply(writes, steps)
        answers: list[object] = []
        for index, write in enumerate(writes):
            if isinstance(write, Sweep):
                swept: Any = queued[index]
                swept += self._world.state.sweep(rows_max=write.rows_max - swept)
                answers.append(swept + self._sweep_journal(write, rows_max=write.rows_max - swept))
            elif index in queued:
                answers.append(queued[index])
            else:
                answers.append(self._apply_one(write, streams))
        self._commits += 1
        return answers, Wake(steps=tuple(sorted(steps)), streams=tuple(sorted(streams)))

    def _sweep_journal(self, write: Sweep, *, rows_max: int) -> int:
        count = 0
        for ring in self._world.journal.values():
            count += ring.sweep(age_s=write.journal_age_s, rows_max=rows_max - count)
        return count

    def _apply_one(self, write: Write[object], streams: set[str]) -> object:
        match write:
            case StateSet() | StateChange() | StateDelete() | StateClear():
                return self._world.state.apply(write)
            case StateExpect():
                return None  # Looked at before anything was written.
            case StreamSet() | StreamUpdate() | StreamDelete() | StreamSend():
                return self._world.streams.apply(write, streams)
            case JournalAppend(kind=kind, record=record):
                empty = Ring[bytes](self._clock, self._journal_limits)
                self._world.journal.setdefault(kind, empty).append(record, len(record))
                return None
            case JournalClear(kind=kind):
                ring = self._world.journal.get(kind)
                return 0 if ring is None else ring.clear()
            case _:
                raise AssertionError(f"no such write: {type(write).__name__}")


class _StreamTable:
    """Items and changes of the streams."""

    def __init__(self, clock: Clock, limits: RingLimits) -> None:
        self.items: dict[tuple[str, str, str], bytes] = {}
        self.changes: Ring[Change] = Ring(clock, limits)
        self._clock = clock

    def check(self, writes: Sequence[Write[object]]) -> None:
        """Raise what an update among the writes will be refused with; changes nothing."""
        check_updates(writes, lambda *place: self.items.get(place))

    def apply(
        self, write: StreamSet | StreamUpdate | StreamDelete | StreamSend, streams: set[str]
    ) -> bytes | str | None:
        match write:
            case StreamSet(stream=stream, group=group, item_id=item_id, data=data):
                # A dict keeps the place of a key that is only written over.
                was = "update" if (stream, group, item_id) in self.items else "create"
                self.items[stream, group, item_id] = data
                self._log(write, was, data, streams)
                return was
            case StreamUpdate(stream=stream, group=group, item_id=item_id):
                place = stream, group, item_id
                merged = write.applied_to(self.items.get(place))
                if merged is not None:
                    self.items[place] = merged
                    self._log(write, "update", merged, streams)
                return merged
            case StreamDelete(stream=stream, group=group, item_id=item_id):
                old = self.items.pop((stream, group, item_id), None)
                if old is not None:
                    self._log(write, "delete", old, streams)
                return old
            case StreamSend(data=data):
                self._log(write, "event", data, streams)
                return None

    def _log(
        self,
        write: StreamSet | StreamUpdate | StreamDelete | StreamSend,
        kind: Any,
        data: bytes,
        streams: set[str],
    ) -> None:
        streams.add(write.stream)
        change = Change(
            seq=self.changes.seq + 1,
            at_s=self._clock.now_s(),
            stream=write.stream,
            group=write.group,
            item_id=write.item_id,
            type=kind,
            data=data,
        )
        self.changes.append(change, len(data))


class _World:
    """All that is kept, and the lock around it."""

    def __init__(self, clock: Clock, changes: RingLimits) -> None:
        self.is_open = False
        self.state = Values(clock)
        self.streams = _StreamTable(clock, changes)
        self.queue = Queue(clock)
        self.journal: dict[str, Ring[bytes]] = {}
        self._lock = allocate_lock()

    def reading(self) -> Lock:
        """Hand out the lock.

        Raises:
            StoreClosedError: the store is not open.
        """
        if not self.is_open:
            raise StoreClosedError("the store is closed; call open() first")
        return self._lock


class _State(State):
    def __init__(self, world: _World) -> None:
        self._world = world

    def get(self, group: str, key: str) -> bytes | None:
        with self._world.reading():
            return self._world.state.get((group, key))

    def group(self, group: str) -> list[StateItem]:
        return [item for item in self._all() if item.group == group]

    def keys(self, group: str) -> list[str]:
        return [item.key for item in self.group(group)]

    def items(self, *, count_max: int) -> list[StateItem]:
        return self._all()[:count_max]

    def _all(self) -> list[StateItem]:
        with self._world.reading():
            return self._world.state.items()


class _Streams(Streams):
    def __init__(self, world: _World) -> None:
        self._world = world

    def get(self, stream: str, group: str, item_id: str) -> bytes | None:
        with self._world.reading():
            return self._world.streams.items.get((stream, group, item_id))

    def group(self, stream: str, group: str) -> list[bytes]:
        return self.snapshot(stream, group, None)[1]

    def snapshot(self, stream: str, group: str, item_id: str | None) -> tuple[int, list[bytes]]:
        with self._world.reading():
            seq, items = self._world.streams.changes.seq, self._world.streams.items
            if item_id is not None:
                data = items.get((stream, group, item_id))
                return seq, [] if data is None else [data]
            found = [data for place, data in items.items() if place[:2] == (stream, group)]
            return seq, found

    def groups(self, stream: str, *, count_max: int) -> list[str]:
        with self._world.reading():
            names = {place[1] for place in self._world.streams.items if place[0] == stream}
        return sorted(names)[:count_max]

    def changes(self, *, after_seq: int, count_max: int) -> list[Change]:
        with self._world.reading():
            later = (change for _, change in self._world.streams.changes.after(after_seq))
            return list(itertools.islice(later, count_max))

    def last_seq(self) -> int:
        with self._world.reading():
            return self._world.streams.changes.seq


class _Events(EventQueue):
    def __init__(self, world: _World) -> None:
        self._world = world

    def next_due_s(self, step: str) -> float | None:
        with self._world.reading():
            return self._world.queue.next_due_s(step)

    def depth(self, step: str) -> QueueDepth:
        with self._world.reading():
            return self._world.queue.depth(step)

    def steps(self) -> list[str]:
        with self._world.reading():
            return self._world.queue.steps()

    def dead(self, step: str, *, count_max: int, after_id: str | None = None) -> list[DeadLetter]:
        with self._world.reading():
            return self._world.queue.dead(step, after_id=after_id)[: max(0, count_max)]

    def scheduled(self, *, count_max: int) -> list[Scheduled]:
        with self._world.reading():
            return self._world.queue.scheduled()[: max(0, count_max)]

    def dead_letter(self, step: str, letter_id: str) -> DeadLetter | None:
        with self._world.reading():
            return self._world.queue.dead_letter(step, letter_id)

    def last_slot_s(self, step: str) -> float | None:
        with self._world.reading():
            return self._world.queue.slots.get(step)

    def free_dead_owners(self) -> int:
        with self._world.reading():
            return 0  # Nobody else can hold anything, and what we hold dies with us.


class _Journal(Journal):
    def __init__(self, world: _World) -> None:
        self._world = world

    def tail(self, kind: str, *, count_max: int) -> list[bytes]:
        return [one.record for one in self.after(kind, after_seq=0, count_max=count_max)]

    def after(self, kind: str, *, after_seq: int, count_max: int) -> list[JournalRecord]:
        with self._world.reading():
            ring = self._world.journal.get(kind)
            later = [] if ring is None else ring.after(after_seq)
        newest = later[max(0, len(later) - count_max) :]
        return [JournalRecord(seq, record) for seq, record in newest]


class _Locks(Locks):
    def __init__(self, world: _World) -> None:
        self._world = world

    def try_hold(self, name: str) -> bool:  # noqa: ARG002 (the contract names it)
        with self._world.reading():
            return True  # Taken or kept: no other process can have it.

    def release(self, name: str) -> None:
        """Nothing to let go of."""
