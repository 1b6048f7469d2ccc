"""What every store promises of steps that hear of the last event of a burst alone."""

from __future__ import annotations

import pytest

from motia_actors.clock import ManualClock
from motia_actors.errors import LeaseLostError, QueueFullError
from motia_actors.messages import Debounce, Delivery, Event, Target
from motia_actors.store import Ack, Bury, DeadReplay, EventCancel, EventPut, Retry, Store
from tests.stores.driving import WAIT_S, ids, lease

LAST = Debounce(wait_s=10.0)
BY_ID = Debounce(wait_s=10.0, key=("order", "id"))
BOUND = Debounce(wait_s=10.0, wait_s_max=25.0)


def a_write(
    event_id: str, debounce: Debounce = LAST, *, data: bytes = b"{}", depth_max: int | None = None
) -> EventPut:
    event = Event(id=event_id, topic="order", data=data, trace_id="t")
    return EventPut(
        event=event,
        targets=(Target(step="charge", debounce=debounce, depth_max=depth_max),),
    )


def put(store: Store, event_id: str, debounce: Debounce = LAST, *, data: bytes = b"{}") -> str:
    return store.write(a_write(event_id, debounce, data=data))


def taken(store: Store) -> Delivery:
    (delivery,) = lease(store)
    return delivery


def test_the_last_event_of_a_burst_is_due_once_wait_passed_without_more(
    store: Store, clock: ManualClock
) -> None:
    for event_id in ("1", "2", "3"):
        assert put(store, event_id) == event_id
        clock.advance(6.0)
    assert lease(store) == []
    assert store.events.depth("charge").waiting == 1

    clock.advance(4.0)

    assert ids(lease(store)) == ["3"]


def test_bursts_of_other_keys_and_steps_are_other_bursts(store: Store, clock: ManualClock) -> None:
    put(store, "1", BY_ID, data=b'{"order":{"id":7}}')
    put(store, "2", BY_ID, data=b'{"order":{"id":"7"}}')
    put(store, "3", BY_ID, data=b'{"order":7}')
    put(store, "4", BY_ID, data=b"[]")
    put(store, "5", BY_ID, data=b'{"order":{"id":7}}')
    elsewhere = Event(id="6", topic="order", data=b'{"order":{"id":7}}', trace_id="t")
    store.write(EventPut(event=elsewhere, targets=(Target(step="ship", debounce=BY_ID),)))

    clock.advance(10.0)

    assert ids(lease(store)) == ["2", "4", "5"]
    assert ids(lease(store, step="ship")) == ["6"]


def test_a_burst_without_end_is_heard_of_after_its_longest_wait(
    store: Store, clock: ManualClock
) -> None:
    for event_id in ("1", "2", "3"):
        put(store, event_id, BOUND)
        clock.advance(9.0)  # 27 seconds in all.

    delivery = taken(store)
    put(store, "4", BOUND)
    clock.advance(9.0)

    assert delivery.event.id == "3"
    assert lease(store) == []
    clock.advance(1.0)
    assert ids(lease(store)) == ["4"]


def test_a_running_delivery_is_not_taken_back_and_a_retry_is(
    store: Store, clock: ManualClock
) -> None:
    put(store, "1")
    clock.advance(10.0)
    running = taken(store)
    put(store, "2")
    store.write(Retry(delivery=running, delay_s=0.0))

    put(store, "3")

    clock.advance(10.0)
    delivery = taken(store)
    assert (delivery.event.id, delivery.attempt) == ("3", 1)
    store.write(Ack(delivery=delivery))
    assert store.events.steps() == []


def test_other_steps_of_the_event_get_it_each_time(store: Store, clock: ManualClock) -> None:
    for event_id in ("1", "2"):
        event = Event(id=event_id, topic="order", data=b"{}", trace_id="t")
        targets = (Target(step="ship"), Target(step="charge", debounce=LAST))
        store.write(EventPut(event=event, targets=targets))

    assert ids(lease(store, step="ship")) == ["1", "2"]
    clock.advance(10.0)
    assert ids(lease(store)) == ["2"]


def test_an_event_that_takes_anothers_place_needs_no_room(store: Store) -> None:
    store.write(a_write("1", BY_ID, data=b'{"order":{"id":1}}', depth_max=1))

    store.write(a_write("2", BY_ID, data=b'{"order":{"id":1}}', depth_max=1))

    with pytest.raises(QueueFullError):
        store.write(a_write("3", BY_ID, data=b'{"order":{"id":2}}', depth_max=1))
    assert store.events.depth("charge").waiting == 1


def test_a_commit_that_fails_leaves_the_burst_as_it_was(store: Store, clock: ManualClock) -> None:
    store.write(
        EventPut(
            event=Event(id="0", topic="order", data=b"{}", trace_id="t"),
            targets=(Target(step="ship"),),
        )
    )
    (lost,) = lease(store, step="ship")
    store.write(Ack(delivery=lost))
    put(store, "1")
    with pytest.raises(LeaseLostError):
        store.commit([a_write("2"), Ack(delivery=lost)]).result(WAIT_S)

    clock.advance(10.0)

    assert ids(lease(store)) == ["1"]


def test_a_burst_is_not_cancelled_by_an_events_id(store: Store) -> None:
    put(store, "1")

    assert store.write(EventCancel(event_id="1")) == 0


def test_a_replayed_letter_is_of_its_burst_again(store: Store, clock: ManualClock) -> None:
    put(store, "1")
    clock.advance(10.0)
    store.write(Bury(delivery=taken(store), error="e"))
    store.write(DeadReplay(step="charge"))

    put(store, "2")

    clock.advance(10.0)
    assert ids(lease(store)) == ["2"]
