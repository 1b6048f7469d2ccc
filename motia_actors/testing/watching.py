"""What tests see of a running project: its events, its state, its streams."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from motia_actors.messages import Event
from motia_actors.payload import decode, encode
from motia_actors.store import Ack, Lease, StateSet, Store

BATCH = 100
VISIBILITY_S = 86_400.0


class Watched:
    """The events of one topic, from `watch` on: a listener like any step, which keeps them.

    An event with a delay is seen when it is due.
    """

    def __init__(self, store: Store, topic: str) -> None:
        self.topic = topic
        self.queue = f"$watch:{topic}"
        """The queue that its events wait in, where a step's id would stand."""
        self._store = store
        self._events: list[Event] = []

    @property
    def events(self) -> list[Event]:
        """All events so far, oldest first, with their traces."""
        lease = Lease(step=self.queue, count_max=BATCH, visibility_s=VISIBILITY_S)
        while deliveries := self._store.write(lease):
            self._store.commit([Ack(delivery=one) for one in deliveries]).result()
            self._events += [one.event for one in deliveries]
        return list(self._events)

    @property
    def data(self) -> list[Any]:
        """The data of all events so far, oldest first."""
        return [decode(event.data) for event in self.events]

    @property
    def last(self) -> Any:
        """The data of the newest event; AssertionError where there is none."""
        data = self.data
        assert data, f"no event of {self.topic!r} came"
        return data[-1]

    def __len__(self) -> int:
        return len(self.events)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.data)


class StateView:
    """The project's state, in plain calls."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, group: str, key: str) -> Any:
        """Read the value, or None where there is none."""
        data = self._store.state.get(group, key)
        return None if data is None else decode(data)

    def set(self, group: str, key: str, value: object, *, ttl: float | None = None) -> None:
        """Store value, for ttl seconds or for ever."""
        self._store.write(StateSet(group=group, key=key, value=encode(value), ttl_s=ttl))

    def group(self, group: str) -> dict[str, Any]:
        """All values of the group by their keys."""
        return {item.key: decode(item.value) for item in self._store.state.group(group)}


class StreamView:
    """One stream of the project, in plain calls."""

    def __init__(self, store: Store, name: str) -> None:
        self._store, self.name = store, name

    def get(self, group: str, item_id: str) -> Any:
        """Read the item, or None where there is none."""
        data = self._store.streams.get(self.name, group, item_id)
        return None if data is None else decode(data)

    def group(self, group: str) -> list[Any]:
        """All items of the group, in the order of their creation."""
        return [decode(data) for data in self._store.streams.group(self.name, group)]

    def changes(self) -> list[tuple[str, Any]]:
        """What subscribers were told so far: kind of change and item, oldest first."""
        found: list[tuple[str, Any]] = []
        seq = 0
        while changes := self._store.streams.changes(after_seq=seq, count_max=BATCH):
            seq = changes[-1].seq
            found += [(one.type, decode(one.data)) for one in changes if one.stream == self.name]
        return found
