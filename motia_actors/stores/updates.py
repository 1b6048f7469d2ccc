"""Look what a commit will make of items and values, before anything is changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from motia_actors.errors import ConflictError
from motia_actors.store import (
    StateChange,
    StateClear,
    StateDelete,
    StateExpect,
    StateSet,
    StreamDelete,
    StreamSet,
    StreamUpdate,
    Write,
)


def check_updates(
    writes: Sequence[Write[object]], read: Callable[[str, str, str], bytes | None]
) -> None:
    """Run the checks of updates, each over what the writes before it leave; changes nothing.

    Args:
        writes: Of one commit, in their order.
        read: The item of a stream, group and id as it is stored; asked once for each, and only
            where no earlier write says what it is.

    Raises:
        InvalidInputError: a check refuses.
    """
    seen: dict[tuple[str, str, str], bytes | None] = {}
    for write in writes:
        match write:
            case StreamSet(stream=stream, group=group, item_id=item_id, data=data):
                seen[stream, group, item_id] = data
            case StreamDelete(stream=stream, group=group, item_id=item_id):
                seen[stream, group, item_id] = None
            case StreamUpdate(stream=stream, group=group, item_id=item_id):
                place = stream, group, item_id
                item = seen[place] if place in seen else read(*place)
                seen[place] = write.applied_to(item) or item
            case _:
                pass


def check_changes(
    writes: Sequence[Write[object]], read: Callable[[tuple[str, str]], bytes | None]
) -> None:
    """See whether the state is as writes expect it, and of a kind that they can change.

    Args:
        writes: Of one commit, in their order.
        read: The value of a group and key as it is stored.

    Raises:
        ConflictError: something else is there than expected.
        UsageError: a change is of no use to what it will find.
    """
    seen: dict[tuple[str, str], bytes | None] = {}
    cleared: set[str] = set()

    def now(place: tuple[str, str]) -> bytes | None:
        if place in seen:
            return seen[place]
        return None if place[0] in cleared else read(place)

    for write in writes:
        match write:
            case StateExpect(group=group, key=key, value=value):
                if read((group, key)) != value:
                    raise ConflictError(group, key)
            case StateSet(group=group, key=key, value=value):
                seen[group, key] = value
            case StateDelete(group=group, key=key):
                seen[group, key] = None
            case StateClear(group=group):
                cleared.add(group)
                for place in [place for place in seen if place[0] == group]:
                    del seen[place]
            case StateChange(group=group, key=key):
                place = group, key
                old = now(place)
                new = write.applied_to(old)
                seen[place] = old if new is None else new
            case _:
                pass
