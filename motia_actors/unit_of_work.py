"""A unit of work: what a transactional handler writes, kept back until its delivery is done.

Stands in for the store while the handler runs. Reads see the handler's own writes over what is
stored; writes are answered at once and go nowhere. At the end they are committed together with
the acknowledgement, or dropped. What was read is checked then: if somebody else changed it, the
commit fails and the handler runs again, so that counters stay exact however many run at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from motia_actors.errors import UsageError
from motia_actors.payload import decode
from motia_actors.promise import Promise
from motia_actors.store import (
    EventCancel,
    EventPut,
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
    Write,
)
from motia_actors.threads import allocate_lock


class StateReads(Protocol):
    """The part of State that handlers read by."""

    def get(self, group: str, key: str) -> bytes | None:
        """The value, or None."""
        ...

    def group(self, group: str) -> list[StateItem]:
        """All values of the group."""
        ...

    def keys(self, group: str) -> list[str]:
        """The keys of the group."""
        ...


class StreamReads(Protocol):
    """The part of Streams that handlers read by."""

    def get(self, stream: str, group: str, item_id: str) -> bytes | None:
        """The item, or None."""
        ...

    def group(self, stream: str, group: str) -> list[bytes]:
        """All items of the group."""
        ...


class StoreView(Protocol):
    """What effects need of a store: the store itself, or a unit of work over it."""

    value_bytes_max: int

    @property
    def state(self) -> StateReads:
        """Reads of the state."""
        ...

    @property
    def streams(self) -> StreamReads:
        """Reads of the streams."""
        ...

    def commit(
        self, writes: Sequence[Write[object]], *, may_use_reserve: bool = False
    ) -> Promise[list[object]]:
        """Keep the writes, as Store.commit does."""
        ...


class UnitOfWork:
    """The view of one transactional handler. Any of its threads may call it."""

    def __init__(self, store: Store) -> None:
        self._lock = allocate_lock()
        self._writes: list[Write[object]] = []
        self.value_bytes_max = store.value_bytes_max
        self.state = _StateOverlay(store.state)
        self.streams = _StreamOverlay(store.streams)

    def commit(
        self,
        writes: Sequence[Write[object]],
        *,
        may_use_reserve: bool = False,  # noqa: ARG002 (known once all is committed)
    ) -> Promise[list[object]]:
        """Keep the writes back; the promise is kept at once."""
        with self._lock:
            answers = [self._apply(write) for write in writes]
            self._writes += writes
        return Promise.of(answers)

    def writes(self) -> list[Write[object]]:
        """All that is to be committed: first what must still hold, then what was written."""
        with self._lock:
            return [*self.state.expectations(), *self._writes] if self._writes else []

    def _apply(self, write: Write[object]) -> object:
        match write:
            case StateSet() | StateChange() | StateDelete() | StateClear():
                return self.state.apply(write)
            case StreamSet() | StreamUpdate() | StreamDelete():
                return self.streams.apply(write)
            case StreamSend():
                return None
            case EventPut(event=event):
                return event.id  # Even if another will turn out to stand for it.
            case EventCancel():
                return None  # How many there are to cancel is not known before the end.
            case _:
                raise UsageError(f"a handler cannot do {type(write).__name__}")


class _StateOverlay:
    """State as the handler sees it, and what it saw of the stored one."""

    def __init__(self, stored: State) -> None:
        self._stored = stored
        self._seen: dict[tuple[str, str], bytes | None] = {}
        self._written: dict[tuple[str, str], bytes | None] = {}
        self._cleared: set[str] = set()

    def get(self, group: str, key: str) -> bytes | None:
        """The value, or None."""
        place = group, key
        if place in self._written:
            return self._written[place]
        return None if group in self._cleared else self._read(place)

    def group(self, group: str) -> list[StateItem]:
        """All values of the group, sorted by key. Values that appear later are no conflict."""
        found: dict[str, bytes] = {}
        if group not in self._cleared:
            for item in self._stored.group(group):
                self._seen.setdefault((group, item.key), item.value)
                found[item.key] = item.value
        for (of_group, key), value in self._written.items():
            if of_group == group:
                found.pop(key, None)
                if value is not None:
                    found[key] = value
        ordered = sorted(found, key=lambda key: key.encode("utf-8", "surrogatepass"))
        return [StateItem(group=group, key=key, value=found[key]) for key in ordered]

    def keys(self, group: str) -> list[str]:
        """The keys of the group, sorted; that each is still there is expected, as by `group`."""
        return [item.key for item in self.group(group)]

    def apply(self, write: StateSet | StateChange | StateDelete | StateClear) -> object:
        """Write over what is seen; answers what the store would."""
        match write:
            case StateSet(group=group, key=key, value=value):
                self._written[group, key] = value
                return None
            case StateChange(group=group, key=key):
                # Done again at the end, over the same value: reading it here expects it.
                changed = write.applied_to(self.get(group, key))
                if changed is not None:
                    self._written[group, key] = changed
                return changed
            case StateDelete(group=group, key=key):
                old = self.get(group, key)
                self._written[group, key] = None
                return old
            case StateClear(group=group):
                count = len(self.group(group))
                self._cleared.add(group)
                for place in [place for place in self._written if place[0] == group]:
                    del self._written[place]
                return count

    def expectations(self) -> list[StateExpect]:
        """What was read of the store, and must still be so."""
        return [
            StateExpect(group=group, key=key, value=value)
            for (group, key), value in self._seen.items()
        ]

    def _read(self, place: tuple[str, str]) -> bytes | None:
        # Once seen, the same again: a handler must not meet two states of the world.
        if place not in self._seen:
            self._seen[place] = self._stored.get(*place)
        return self._seen[place]


class _StreamOverlay:
    """Streams as the handler sees them."""

    def __init__(self, stored: Streams) -> None:
        self._stored = stored
        self._written: dict[tuple[str, str, str], bytes | None] = {}

    def get(self, stream: str, group: str, item_id: str) -> bytes | None:
        """The item, or None."""
        place = stream, group, item_id
        return self._written[place] if place in self._written else self._stored.get(*place)

    def group(self, stream: str, group: str) -> list[bytes]:
        """All items of the group: stored ones as they are, the handler's own in place or last."""
        own = {key[2]: data for key, data in self._written.items() if key[:2] == (stream, group)}
        items = []
        for data in self._stored.group(stream, group):
            item_id = _id_of(data)
            kept = own.pop(item_id, None) if item_id in own else data
            if kept is not None:
                items.append(kept)
        return [*items, *(data for data in own.values() if data is not None)]

    def apply(self, write: StreamSet | StreamUpdate | StreamDelete) -> object:
        """Write over what is seen; answers what the store would."""
        place = write.stream, write.group, write.item_id
        old = self.get(*place)
        match write:
            case StreamSet(data=data):
                self._written[place] = data
                return "create" if old is None else "update"
            case StreamUpdate():
                # Done again at the end, over what the item is then.
                updated = write.applied_to(old)
                if updated is not None:
                    self._written[place] = updated
                return updated
            case StreamDelete():
                self._written[place] = None
                return old


def _id_of(data: bytes) -> object:
    item = decode(data)
    return item.get("id") if isinstance(item, dict) else None
