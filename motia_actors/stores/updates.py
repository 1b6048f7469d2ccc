"""Look what the updates of a commit will make of items, before anything is changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from motia_actors.store import StreamDelete, StreamSet, StreamUpdate, Write


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
