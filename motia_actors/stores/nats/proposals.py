"""What a commit must be like to be proposed, and what can be answered before its turn comes."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from motia_actors.store import (
    Ack,
    Bury,
    CronFire,
    EventPut,
    Extend,
    JournalAppend,
    Release,
    Retry,
    Streams,
    StreamSend,
    StreamUpdate,
    Write,
)
from motia_actors.stores.nats.entries import ItemExpect
from motia_actors.stores.updates import check_updates

_SETTLING = (Ack, Retry, Release, Bury, Extend)


def is_patient(writes: Sequence[Write[object]]) -> bool:
    """They work off what was taken in, and may wait for the cluster as long as it takes."""
    return any(isinstance(write, _SETTLING) for write in writes)


def fired_step(writes: Sequence[Write[object]]) -> str | None:
    """The step that they fire by its schedule, if that is what they do."""
    match writes:
        case [CronFire(step=step)]:
            return step
        case _:
            return None


def only_adds(writes: Sequence[Write[object]]) -> bool:
    """They can be promised before anybody knows what comes before them in the log."""
    return bool(writes) and all(
        isinstance(write, StreamSend | JournalAppend)
        or (isinstance(write, EventPut) and write.dedupe_key is None)
        for write in writes
    )


def unlimited(write: Write[object]) -> Write[object]:
    """The same emit, to be taken however full the queue is: its promise is kept before that."""
    if not isinstance(write, EventPut):
        return write
    targets = tuple(msgspec.structs.replace(one, depth_max=None) for one in write.targets)
    return msgspec.structs.replace(write, targets=targets)


def lean(write: Write[object]) -> Write[object]:
    """The same write without the event's data, where only the lease and the names count."""
    match write:
        case Ack() | Retry() | Release() | Bury():
            event = msgspec.structs.replace(write.delivery.event, data=b"")
            delivery = msgspec.structs.replace(write.delivery, event=event)
            return msgspec.structs.replace(write, delivery=delivery)
        case _:
            return write


def early_answers(writes: Sequence[Write[object]]) -> list[object] | None:
    """What they answer whatever the log holds before them; None where that is not known."""
    answers: list[object] = []
    for write in writes:
        match write:
            case EventPut(dedupe_key=None):
                if any(target.depth_max is not None for target in write.targets):
                    return None
                answers.append(write.event.id)
            case StreamSend() | JournalAppend():
                answers.append(None)
            case _:
                return None
    return answers or None


def checked(
    writes: Sequence[Write[object]], streams: Streams
) -> tuple[list[Write[object]], list[Write[object]]]:
    """Run the checks of updates on the items as they are here.

    Answers what demands that the items still are as they were seen, and the writes without
    checks, which cannot travel.

    Raises:
        InvalidInputError: a check refuses.
    """
    expects: list[Write[object]] = []

    def read(stream: str, group: str, item_id: str) -> bytes | None:
        item = streams.get(stream, group, item_id)
        expects.append(ItemExpect(stream=stream, group=group, item_id=item_id, item=item))
        return item

    check_updates(writes, read)
    plain = [
        msgspec.structs.replace(write, check=None) if isinstance(write, StreamUpdate) else write
        for write in writes
    ]
    return expects, plain
