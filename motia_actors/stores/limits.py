"""The limits that every store keeps alike, and how much a write weighs."""

from __future__ import annotations

import math
from collections.abc import Iterable

import msgspec

from motia_actors.errors import PayloadTooLargeError, UsageError
from motia_actors.store import (
    Ack,
    Bury,
    CronFire,
    DeadReplay,
    EventPut,
    Extend,
    JournalAppend,
    Release,
    Retry,
    StateIncrement,
    StateSet,
    StateSwap,
    StateUpdate,
    StreamSend,
    StreamSet,
    StreamUpdate,
    Write,
)

VALUE_BYTES_MAX = 16 * 2**20


class RingLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a ring is kept: so many of the newest rows, so many bytes, so long."""

    count_max: int = 10_000
    bytes_max: int = 64 * 2**20
    age_s: float = math.inf


JOURNAL = RingLimits(age_s=3 * 86_400.0)
CHANGES = RingLimits()

# A dead letter's error and stack are kept for people to read; what is longer is cut, not
# refused, because a delivery that cannot be buried would come back for ever.
ERROR_CHARS_MAX = 16_384
STACK_CHARS_MAX = 16_384

# What a row costs beside its payload, roughly: key, header and the index rows around it.
ROW_BYTES = 200
# A larger value has pages of its own, the last of them partly empty.
LEAF_BYTES, PAGE_BYTES = 2000, 4096


SETTLING = (Ack, Bury, Extend, Release, Retry)
"""What ends, or goes on with, a delivery that is held."""


def check(writes: Iterable[Write[object]], *, value_bytes_max: int) -> int:
    """Answer about what the writes add to the store, in bytes; 0 for those that only settle.

    Raises:
        PayloadTooLargeError: a value is over value_bytes_max.
        UsageError: new data for anything but one dead letter.
    """
    total_bytes = 0
    for write in writes:
        if write.__class__ in SETTLING:  # Half of all writes, and nothing of them grows.
            continue
        what, name, size_bytes, text_chars = _weigh(write)
        if size_bytes > value_bytes_max:
            shown = what if name is None else f"{what} {_short(name)}"
            raise PayloadTooLargeError(shown, size_bytes=size_bytes, bytes_max=value_bytes_max)
        if what:
            total_bytes += size_bytes + 4 * text_chars + ROW_BYTES
            if size_bytes > LEAF_BYTES:
                total_bytes += PAGE_BYTES
    return total_bytes


def event_bytes(record: bytes, *, deliveries: int) -> int:
    """About what an event adds that is small, and for which nothing is remembered."""
    return len(record) + ROW_BYTES * (1 + 4 * deliveries)


def cut(error: str) -> str:
    """Shorten an error to what a dead letter keeps."""
    return error[:ERROR_CHARS_MAX]


def cut_stack(stack: str) -> str:
    """Shorten a stack to what a dead letter keeps: its end, where it broke."""
    return stack[-STACK_CHARS_MAX:]


def _weigh(write: Write[object]) -> tuple[str, str | None, int, int]:
    """What grows (empty where nothing does), its name, its value's bytes, the characters around."""
    match write:
        case EventPut(event=event, targets=targets):
            chars = ROW_BYTES * len(targets) + len(event.topic) + len(event.group_id or "")
            is_found_again = write.dedupe_key is not None or write.not_before_s is not None
            for target in targets:
                is_found_again |= target.debounce is not None
            if is_found_again:
                chars += ROW_BYTES * (1 + len(targets)) + len(event.id)
            return "event of topic", event.topic, len(event.data), chars
        case JournalAppend(kind=kind, record=record):
            return f"{kind} record", None, len(record), 0
        case StateSet(value=value, ttl_s=ttl_s) | StateSwap(value=value, ttl_s=ttl_s):
            chars = len(write.group) + len(write.key) + (0 if ttl_s is None else ROW_BYTES // 4)
            return "state value", write.key, len(value), chars
        case StateIncrement(by=value) | StateUpdate(patch=value):
            chars = len(write.group) + len(write.key)
            return "state value", write.key, len(value), chars
        case StreamSet(stream=stream, group=group, item_id=item_id, data=data):
            # Once as the item, once in the log of changes.
            chars = len(stream) + len(group) + len(item_id) + len(data) // 4
            return "stream item", item_id, len(data), chars
        case StreamUpdate(stream=stream, group=group, item_id=item_id, patch=patch):
            chars = len(stream) + len(group) + len(item_id) + len(patch) // 4
            return "stream item", item_id, len(patch), chars
        case StreamSend(stream=stream, group=group, data=data):
            return "event of stream", stream, len(data), len(stream) + len(group)
        case CronFire(event=event, step=step):
            return "event of topic", event.topic, len(event.data), len(step)
        case DeadReplay(data=bytes() as data):
            if write.ids is None or len(write.ids) != 1:
                raise UsageError(
                    f"new data goes to one dead letter, not to {_count(write.ids)}; "
                    f"write DeadReplay(step=…, ids=(id,), data=…)"
                )
            return "data of dead letter", write.ids[0], len(data), 0
        case _:
            return "", None, 0, 0


def _count(ids: tuple[str, ...] | None) -> str:
    return "all" if ids is None else str(len(ids))


def _short(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:77] + "...")
