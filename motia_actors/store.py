"""CONTRACT: what a store keeps, and how it is read and written.

Writes are data. Whatever changes the store is one of the structs below, and `Store.commit`
takes any number of them: all are kept or none, and once its promise is kept they are on disk.
So a handler's ack can travel with its state, its emits and its streams, an asyncio handler can
wait without blocking its loop, and writes of many threads share one commit.

Reads are methods. They see every commit whose promise was kept before they began, never a
part of one, and return at once, on the caller's thread.

    store.write(StateSet(group="g", key="k", value=b"1"))           # waits; any thread
    promise = store.commit([Ack(delivery=d), EventPut(event=e, targets=targets)])

Keys (group, key, stream, item id, topic, step, trace) are text of any length and content,
the empty text included. Values are JSON bytes up to `value_bytes_max`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

import msgspec

from motia_actors.journal import Journal
from motia_actors.messages import Change, DeadLetter, Event, Taker, Wake
from motia_actors.promise import Promise
from motia_actors.writes import (
    Ack,
    Bury,
    CronFire,
    DeadPurge,
    DeadReplay,
    EventCancel,
    EventPut,
    Extend,
    JournalAppend,
    JournalClear,
    Lease,
    Release,
    Retry,
    StateChange,
    StateClear,
    StateDelete,
    StateExpect,
    StateIncrement,
    StateSet,
    StateSwap,
    StateUpdate,
    StreamDelete,
    StreamSend,
    StreamSet,
    StreamUpdate,
    Sweep,
    Write,
)

T = TypeVar("T")

__all__ = [
    "Ack",
    "Bury",
    "CronFire",
    "DeadPurge",
    "DeadReplay",
    "EventCancel",
    "EventPut",
    "EventQueue",
    "Extend",
    "Journal",
    "JournalAppend",
    "JournalClear",
    "Lease",
    "Locks",
    "Notifier",
    "QueueDepth",
    "Release",
    "Retry",
    "Scheduled",
    "State",
    "StateChange",
    "StateClear",
    "StateDelete",
    "StateExpect",
    "StateIncrement",
    "StateItem",
    "StateSet",
    "StateSwap",
    "StateUpdate",
    "Store",
    "StreamDelete",
    "StreamSend",
    "StreamSet",
    "StreamUpdate",
    "Streams",
    "Sweep",
    "Write",
]


# Reads.


class StateItem(msgspec.Struct, frozen=True, kw_only=True):
    """One stored value with its place."""

    group: str
    key: str
    value: bytes


class State(Protocol):
    """Reads of the state."""

    def get(self, group: str, key: str) -> bytes | None:
        """The value, or None where there is none."""
        ...

    def group(self, group: str) -> list[StateItem]:
        """All values of exactly this group, in the order of their keys' UTF-8 bytes."""
        ...

    def keys(self, group: str) -> list[str]:
        """The keys of exactly this group, in the order of their UTF-8 bytes."""
        ...

    def items(self, *, count_max: int) -> list[StateItem]:
        """Up to count_max values of all groups, sorted by group and key."""
        ...


class Streams(Protocol):
    """Reads of the streams."""

    def get(self, stream: str, group: str, item_id: str) -> bytes | None:
        """The item, or None where there is none."""
        ...

    def group(self, stream: str, group: str) -> list[bytes]:
        """All items of the group, in the order in which they were created."""
        ...

    def snapshot(self, stream: str, group: str, item_id: str | None) -> tuple[int, list[bytes]]:
        """The seq of the newest change, and what the group or the item was with it: one moment."""
        ...

    def groups(self, stream: str, *, count_max: int) -> list[str]:
        """Names of up to count_max groups that hold an item, sorted."""
        ...

    def changes(self, *, after_seq: int, count_max: int) -> list[Change]:
        """Changes of all streams with seq > after_seq, in order. Old ones are dropped in time."""
        ...

    def last_seq(self) -> int:
        """The seq of the newest change, 0 before the first."""
        ...


class QueueDepth(msgspec.Struct, frozen=True, kw_only=True):
    """How many deliveries of a step there are.

    `waiting` are those neither leased nor dead: due, delayed, retrying or behind others.
    """

    waiting: int
    leased: int
    dead: int


class Scheduled(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery that waits and can be taken back, or be replaced by a later one of its burst.

    `due_s` is when it is handed out, in seconds since 1970.
    """

    event: Event
    step: str
    due_s: float
    is_burst: bool


class EventQueue(Protocol):
    """Reads of the queues."""

    def next_due_s(self, step: str) -> float | None:
        """When the next delivery is due or a running lease ends; None where there is neither."""
        ...

    def depth(self, step: str) -> QueueDepth:
        """How full the step's queue is."""
        ...

    def steps(self) -> list[str]:
        """Ids of all steps that have a delivery or a dead letter, sorted."""
        ...

    def dead(self, step: str, *, count_max: int, after_id: str | None = None) -> list[DeadLetter]:
        """The step's dead letters, oldest first: up to count_max of those after after_id."""
        ...

    def scheduled(self, *, count_max: int) -> list[Scheduled]:
        """Up to count_max deliveries with a time of their own, or of bursts, first due first.

        Those leased now are not among them. For people: it looks at all there are.
        """
        ...

    def dead_letter(self, step: str, letter_id: str) -> DeadLetter | None:
        """The step's dead letter of this id, or None."""
        ...

    def last_slot_s(self, step: str) -> float | None:
        """The last slot of a cron step that was claimed, or None."""
        ...

    def free_dead_owners(self) -> int:
        """Make due, on disk, what processes held that died since; answers how many deliveries."""
        ...


class Locks(Protocol):
    """Locks that die with the process that holds them."""

    def try_hold(self, name: str) -> bool:
        """Take the lock, or keep it; False where another process has it. Never blocks."""
        ...

    def release(self, name: str) -> None:
        """Let go of it; nothing happens where it is not held."""
        ...


class Notifier(Protocol):
    """Tells of commits, those of other processes on the same store included."""

    def listen(self, callback: Callable[[Wake], None]) -> None:
        """Call callback after every commit that woke something, on a thread of the store.

        It must be quick and must not raise. An empty Wake means that anything may have changed.
        """
        ...


class Trouble(msgspec.Struct, frozen=True):
    """What a store cannot do just now, in words; with is_full it takes no work at all."""

    reason: str
    is_full: bool = False


class Store(Protocol):
    """One place where everything durable lives, for one process."""

    state: State
    streams: Streams
    events: EventQueue
    journal: Journal
    locks: Locks
    notifier: Notifier
    value_bytes_max: int
    taker: Taker | None = None  # May be handed what is put, as leased to this process.

    def open(self) -> None:
        """Make it usable in this process, after any fork."""
        ...

    def commit(
        self, writes: Sequence[Write[object]], *, may_use_reserve: bool = False
    ) -> Promise[list[object]]:
        """Keep all writes or none; the promise answers each write's answer, in order.

        may_use_reserve is for what works off what was taken in: a store at its limit refuses
        new work first, and keeps a reserve so that the old can be finished.
        Never blocks on the disk. The promise is kept once all is durable, and fails with
        PayloadTooLargeError, UsageError, LeaseLostError, ConflictError, QueueFullError,
        InvalidInputError, StoreFullError or StoreClosedError: then nothing of it was kept, and
        others are unharmed.
        """
        ...

    def write(self, write: Write[T]) -> T:
        """Commit one write and wait for its answer. Not for event loops: it blocks."""
        answer: Any = self.commit([write]).result()[0]
        return answer  # type: ignore[no-any-return]  # the write's own type says what it answers

    def commit_waiting(self, *, wait_s: float) -> int:
        """Do the writer's work: commit all that waits, or wait up to wait_s for something.

        Called over and over by one thread, the writer actor's. Answers how many commits were
        settled. A store that commits inside `commit` waits and answers 0.
        """
        ...

    def statistics(self) -> dict[str, float]:
        """Figures by name: commits, bytes used, limits. For people; names may be added."""
        ...

    def troubles(self) -> Sequence[Trouble]:
        """What it lacks just now, for probes: empty where it is well. Returns at once."""
        return ()

    def close(self) -> None:
        """Commit what waits and let go of files and locks; then all fails: StoreClosedError."""
        ...
