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
from typing import Generic, Literal, Protocol, TypeVar

import msgspec

from motia_actors.journal import Journal as Journal
from motia_actors.messages import Change, DeadLetter, Delivery, Event, Taker, Target, Wake
from motia_actors.promise import Promise

T = TypeVar("T")
R_co = TypeVar("R_co", covariant=True)


class Write(msgspec.Struct, Generic[R_co], frozen=True, kw_only=True):
    """One change; its parameter is what it answers."""


# State: values by group and key.


class StateSet(Write[None], frozen=True):
    """Store value under (group, key), whatever was there."""

    group: str
    key: str
    value: bytes


class StateDelete(Write[bytes | None], frozen=True):
    """Remove (group, key); answers the value it had, or None."""

    group: str
    key: str


class StateClear(Write[int], frozen=True):
    """Remove every key of exactly this group; answers how many."""

    group: str


class StateExpect(Write[None], frozen=True):
    """Fail the commit with ConflictError unless (group, key) holds value, None: nothing.

    Stands before the other writes of its commit.
    """

    group: str
    key: str
    value: bytes | None


# Streams: items by stream, group and id, with a log of changes.


class StreamSet(Write[Literal["create", "update"]], frozen=True):
    """Store an item whole and log the change; answers which of the two it was."""

    stream: str
    group: str
    item_id: str
    data: bytes


class StreamDelete(Write[bytes | None], frozen=True):
    """Remove an item; answers what it was, or None. Logs a change only where there was one."""

    stream: str
    group: str
    item_id: str


class StreamSend(Write[None], frozen=True):
    """Log a change of type `event` that stores no item: for those who listen now."""

    stream: str
    group: str
    item_id: str | None
    data: bytes


# Events: a queue for each step.


class EventPut(Write[str], frozen=True):
    """Queue the event for every target; answers the id of the event that stands for it.

    With no targets nothing is kept. A target with is_fifo and an event with a group_id: the
    delivery is not leased before every earlier one of that (step, group) was acked, buried or
    cancelled. So a group's order is that of its puts, and a scheduled event holds up later ones.

    With dedupe_key, an event of the topic that was put with the same key less than its
    dedupe_window_s ago stands for this one, whatever became of it: nothing new is queued.
    not_before_s, in seconds since 1970, is when the event is due at the earliest; only with it
    does EventCancel find the event. A step at its depth_max fails the commit: QueueFullError.
    """

    event: Event
    targets: tuple[Target, ...]
    dedupe_key: str | None = None
    dedupe_window_s: float = 120.0
    not_before_s: float | None = None


class EventCancel(Write[int], frozen=True):
    """Remove the deliveries of an event that are not leased now; answers how many.

    Finds only events that were put with not_before_s; whether a delivery waits for its time, its
    turn or a retry, it goes. Dead letters stay, and so does a dedupe key.
    """

    event_id: str


class Lease(Write[list[Delivery]], frozen=True):
    """Take up to count_max due deliveries of a step, oldest due first; each counts an attempt.

    One not acked, retried, buried or released within visibility_s is given out again.
    """

    step: str
    count_max: int
    visibility_s: float


class Ack(Write[None], frozen=True):
    """The delivery is done. Fails the commit with LeaseLostError where the lease is not ours."""

    delivery: Delivery


class Retry(Write[None], frozen=True):
    """Give the delivery out again in delay_s; its group, if FIFO, waits for it."""

    delivery: Delivery
    delay_s: float


class Release(Write[None], frozen=True):
    """Give the delivery back unrun, due at once: the attempt does not count."""

    delivery: Delivery


class Extend(Write[Delivery], frozen=True):
    """Hold the delivery for visibility_s more from now; answers it with its new token."""

    delivery: Delivery
    visibility_s: float


class Bury(Write[None], frozen=True):
    """Give the delivery up and keep it as a dead letter; its group, if FIFO, goes on."""

    delivery: Delivery
    error: str
    stack: str = ""


class DeadReplay(Write[int], frozen=True):
    """Queue dead letters of a step again, oldest first; answers how many.

    They are due now, their attempts count from 1 again, and in a FIFO group they come last.
    ids None: all; ids that are not there are passed over. With exactly one id, data may take the
    place of the event's. No depth_max holds them back.
    """

    step: str
    ids: tuple[str, ...] | None = None
    data: bytes | None = None


class DeadPurge(Write[int], frozen=True):
    """Forget dead letters of a step, all where ids is None; answers how many."""

    step: str
    ids: tuple[str, ...] | None = None


class Sweep(Write[int], frozen=True):
    """Remove what nobody needs any more: up to rows_max rows; answers how many.

    These are dedupe keys past their window, and dead letters that are dead_age_s old or past the
    newest dead_count_max of their step. Call it again while it answers rows_max.
    """

    dead_age_s: float
    dead_count_max: int
    rows_max: int = 1000


class CronFire(Write[Literal["fired", "taken", "busy"]], frozen=True):
    """Claim the slot of a cron step and queue its run, both or neither.

    `taken`: this slot or a later one was claimed before. `busy`: claimed now, but allow_overlap
    is False and a delivery of the step is still queued, leased or waiting for a retry.
    """

    step: str
    slot_s: float
    event: Event
    allow_overlap: bool


class JournalAppend(Write[None], frozen=True):
    """Append a record to the journal of a kind (`log`), dropping its oldest past the limit."""

    kind: str
    record: bytes


class JournalClear(Write[int], frozen=True):
    """Forget every record of a kind; answers how many. Numbers are not given out again."""

    kind: str


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
        StoreFullError or StoreClosedError: then nothing of it was kept, and others are unharmed.
        """
        ...

    def write(self, write: Write[T]) -> T:
        """Commit one write and wait for its answer. Not for event loops: it blocks."""
        ...

    def commit_waiting(self, *, wait_s: float) -> int:
        """Do the writer's work: commit all that waits, or wait up to wait_s for something.

        Called over and over by one thread, the writer actor's. Answers how many commits were
        settled. A store that commits inside `commit` waits and answers 0.
        """
        ...

    def statistics(self) -> dict[str, float]:
        """Figures by name: commits, bytes used, limits. For people; names may be added."""
        ...

    def close(self) -> None:
        """Commit what waits and let go of files and locks; then all fails: StoreClosedError."""
        ...
