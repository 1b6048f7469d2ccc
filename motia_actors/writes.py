"""What changes a store: each write is a frozen struct, and its parameter is what it answers.

`Store.commit` takes any number of them, all or none. Keys (group, key, stream, item id, topic,
step, trace) are text of any length and content, the empty text included.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Generic, Literal, TypeVar

import msgspec

from motia_actors.errors import PayloadError, PayloadTooLargeError, UsageError
from motia_actors.messages import Delivery, Event, Target
from motia_actors.payload import canonical, decode, encode

R_co = TypeVar("R_co", covariant=True)


class Write(msgspec.Struct, Generic[R_co], frozen=True, kw_only=True, tag=True):
    """One change; its parameter is what it answers. Encoded, it says its name."""


# State: values by group and key.


class StateSet(Write[None], frozen=True):
    """Store value under (group, key), whatever was there, for ttl_s seconds; None: for ever.

    A value that ended is as if it was not there; Sweep removes it.
    """

    group: str
    key: str
    value: bytes
    ttl_s: float | None = None


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


class StateChange(Write[bytes | None], frozen=True):
    """Make a new value of what (group, key) holds, in one step that no other writer comes between.

    Answers the value as it is then, or None where it was left alone. No value counts like `null`.
    It ends when the one before it would have ended. Fails the commit with UsageError where the
    value is of a wrong kind.
    """

    group: str
    key: str

    def applied_to(self, value: bytes | None) -> bytes | None:
        """The new value, None where the old one is to stay.

        Raises:
            UsageError: value is of a wrong kind.
        """
        raise NotImplementedError

    def _read(self, value: bytes | None) -> object:
        try:
            return None if value is None else decode(value)
        except PayloadError as error:
            raise self._refused(value, f"is no JSON: {error}") from error

    def _refused(self, value: bytes | None, why: str) -> UsageError:
        place = f"state {self.group!r}, {self.key!r}"
        return UsageError(f"{place} holds {_brief(value or b'nothing')}, which {why}")


class StateIncrement(StateChange, frozen=True):
    """Add by, a JSON number, to a number; no value counts as 0."""

    by: bytes

    def applied_to(self, value: bytes | None) -> bytes:
        """The sum.

        Raises:
            UsageError: value is no number, or the sum is too large for one.
        """
        number = self._read(value)
        if number is None:
            return self.by
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise self._refused(value, "is no number; set one before you increment it")
        try:
            total = number + decode(self.by)
            # Floats end at infinity, and text of a number at 4300 digits.
            is_too_large = isinstance(total, float) and not math.isfinite(total)
            data = encode(total)
        except (OverflowError, PayloadError):
            is_too_large = True
        if is_too_large:
            raise self._refused(value, f"with {_brief(self.by)} more is too large for a number")
        return data


class StateUpdate(StateChange, frozen=True):
    """Merge patch, a JSON object, into an object; no value counts as an empty one.

    Fields of patch take the place of the object's, null included; the rest stays. An object of more
    than bytes_max fails the commit with PayloadTooLargeError.
    """

    patch: bytes
    bytes_max: int = 16 * 2**20

    def applied_to(self, value: bytes | None) -> bytes:
        """The object with the patch over it.

        Raises:
            UsageError: value is no object.
            PayloadTooLargeError: the new one would be too large.
        """
        fields = self._read(value)
        if fields is None:
            return self.patch
        if not isinstance(fields, dict):
            raise self._refused(value, "is no object; set one before you update its fields")
        data = encode(fields | decode(self.patch))
        if len(data) > self.bytes_max:
            what = f"state {self.group!r}, {self.key!r}"
            raise PayloadTooLargeError(what, size_bytes=len(data), bytes_max=self.bytes_max)
        return data


class StateSwap(StateChange, frozen=True):
    """Store value where the value is as expected, as JSON; None: nothing is there, or `null`.

    With ttl_s it ends so many seconds later.
    """

    expected: bytes | None
    value: bytes
    ttl_s: float | None = None

    def applied_to(self, value: bytes | None) -> bytes | None:
        """The new value, None where the old one is not the expected."""
        old = b"null" if value is None else value
        expected = b"null" if self.expected is None else self.expected
        try:
            is_same = old == expected or canonical(old) == canonical(expected)
        except PayloadError:
            is_same = False
        return self.value if is_same else None


def _brief(data: bytes) -> str:
    text = data[:80].decode(errors="replace")
    return text if len(data) <= 80 else f"{text}…"


# Streams: items by stream, group and id, with a log of changes.


class StreamSet(Write[Literal["create", "update"]], frozen=True):
    """Store an item whole and log the change; answers which of the two it was."""

    stream: str
    group: str
    item_id: str
    data: bytes


class StreamUpdate(Write[bytes | None], frozen=True):
    """Merge patch, a JSON object, into an item in one step; answers the item as it is then.

    Fields of patch take the place of the item's, null included; the rest stays. Where there is no
    item, or one that is no object, nothing happens and the answer is None. check is called with
    the item as it is about to be, and refuses it by raising InvalidInputError: the commit fails.
    """

    stream: str
    group: str
    item_id: str
    patch: bytes
    check: Callable[[bytes], None] | None = None

    def applied_to(self, item: bytes | None) -> bytes | None:
        """The item with the patch over it, None where nothing is to happen.

        Raises:
            InvalidInputError: the check refuses it.
        """
        fields = None if item is None else decode(item)
        if not isinstance(fields, dict):
            return None
        data = encode(fields | decode(self.patch))
        if self.check is not None:
            self.check(data)
        return data


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

    For a target with debounce, the delivery of the same step and key that waits, not leased, is
    dropped, whichever event it was of; the new one has the put_s of the first of its burst, so
    that it is due within wait_s_max of that. A delivery that ran before ended its burst.
    EventCancel finds none of these.
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

    These are values of the state that ended, dedupe keys past their window, dead letters that are
    dead_age_s old or past the newest dead_count_max of their step, and records of the journal that
    are journal_age_s old, but the last of each kind. Call it again while it answers rows_max.
    """

    dead_age_s: float
    dead_count_max: int
    journal_age_s: float = math.inf
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
