"""Drive a store's writer on a thread, as the writer actor does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from motia_actors.errors import StoreClosedError
from motia_actors.messages import Delivery, Event, Target
from motia_actors.store import EventPut, Lease, Store
from motia_actors.threads import NativeThread

WAIT_S = 20.0


@contextmanager
def driven(store: Store) -> Iterator[Store]:
    """Open the store, run its writer, and close it after the block."""

    def drive() -> None:
        try:
            while True:
                store.commit_waiting(wait_s=WAIT_S)
        except StoreClosedError:
            return

    store.open()
    thread = NativeThread(drive, name="writer")
    thread.start()
    try:
        yield store
    finally:
        store.close()
        assert thread.join(WAIT_S), "the writer ends with its store"


def an_event(
    event_id: str = "e1",
    *,
    group_id: str | None = None,
    data: bytes = b"{}",
    topic: str = "order",
) -> Event:
    return Event(id=event_id, topic=topic, data=data, trace_id="t1", group_id=group_id)


def put(store: Store, event_id: str, *targets: Target, group_id: str | None = None) -> None:
    """Put an event, for the step `charge` where no target is given."""
    event = an_event(event_id, group_id=group_id)
    store.write(EventPut(event=event, targets=targets or (Target(step="charge"),)))


def put_fifo(store: Store, event_id: str, group_id: str = "g") -> None:
    put(store, event_id, Target(step="charge", is_fifo=True), group_id=group_id)


def lease(
    store: Store, count_max: int = 10, *, visibility_s: float = 30.0, step: str = "charge"
) -> list[Delivery]:
    return store.write(Lease(step=step, count_max=count_max, visibility_s=visibility_s))


def ids(deliveries: list[Delivery]) -> list[str]:
    return [delivery.event.id for delivery in deliveries]
