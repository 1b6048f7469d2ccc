"""What every store promises of the queues."""

from __future__ import annotations

import pytest

from motia_actors.clock import ManualClock
from motia_actors.errors import LeaseLostError, PayloadTooLargeError
from motia_actors.messages import Event, Target, Trace
from motia_actors.store import (
    Ack,
    Bury,
    EventPut,
    Extend,
    QueueDepth,
    Release,
    Retry,
    Store,
    Write,
)
from tests.conformance.conftest import VALUE_BYTES_MAX
from tests.stores.driving import an_event, ids, lease, put, put_fifo


def test_an_event_is_delivered_to_every_target_as_it_was(store: Store, clock: ManualClock) -> None:
    event = Event(
        id="\0é",
        topic="\ud800",
        data=b"[1]",
        trace_id="t",
        flows=("f", "g"),
        group_id="",
        trace=Trace("a" * 32, "b" * 16, is_sampled=True, state="congo=t61"),
    )
    store.write(EventPut(event=event, targets=(Target(step="a"), Target(step="b"))))
    put_s = clock.now_s()
    clock.advance(1.0)

    for step in ("a", "b"):
        (delivery,) = lease(store, step=step)
        assert (delivery.event, delivery.step) == (event, step)
        assert (delivery.attempt, delivery.put_s) == (1, put_s)


def test_an_event_without_targets_is_not_kept(store: Store) -> None:
    store.write(EventPut(event=an_event(), targets=()))

    assert store.events.steps() == []


def test_lease_takes_the_oldest_due_first_and_no_more_than_asked(store: Store) -> None:
    put(store, "later", Target(step="charge", delay_s=0.5))
    for event_id in ("1", "2", "3"):
        put(store, event_id)

    assert ids(lease(store, 2)) == ["1", "2"]
    assert ids(lease(store, 2)) == ["3"]
    assert lease(store, 0) == []


def test_a_delayed_delivery_is_leased_when_its_time_has_come(
    store: Store, clock: ManualClock
) -> None:
    put(store, "e", Target(step="charge", delay_s=5.0))
    assert store.events.next_due_s("charge") == clock.now_s() + 5.0
    assert lease(store) == []

    clock.advance(5.0)

    assert ids(lease(store)) == ["e"]


def test_next_due_counts_the_end_of_a_running_lease(store: Store, clock: ManualClock) -> None:
    assert store.events.next_due_s("charge") is None
    put(store, "e")
    assert store.events.next_due_s("charge") == clock.now_s()

    (delivery,) = lease(store, visibility_s=30.0)
    assert store.events.next_due_s("charge") == clock.now_s() + 30.0

    store.write(Ack(delivery=delivery))
    assert store.events.next_due_s("charge") is None


def test_an_unacked_lease_is_given_out_again_and_the_old_one_is_lost(
    store: Store, clock: ManualClock
) -> None:
    put(store, "e")
    (first,) = lease(store, visibility_s=30.0)
    assert lease(store) == []

    clock.advance(30.0)
    (second,) = lease(store)

    assert second.attempt == 2
    assert second.id == first.id
    with pytest.raises(LeaseLostError):
        store.write(Ack(delivery=first))
    store.write(Ack(delivery=second))


def test_a_lease_without_time_is_given_once_in_a_lease(store: Store) -> None:
    put(store, "e")

    assert ids(lease(store, 10, visibility_s=0.0)) == ["e"]
    assert [again.attempt for again in lease(store, 10, visibility_s=0.0)] == [2]


def test_a_lease_that_ran_out_is_still_ours_while_nobody_took_it(
    store: Store, clock: ManualClock
) -> None:
    put(store, "e")
    (delivery,) = lease(store, visibility_s=1.0)
    clock.advance(2.0)

    store.write(Ack(delivery=delivery))

    assert store.events.steps() == []


@pytest.mark.parametrize("kind", ["ack", "retry", "release", "bury", "extend"])
def test_whoever_comes_late_has_lost_the_lease(store: Store, kind: str) -> None:
    put(store, "e")
    (late,) = lease(store)
    store.write(Release(delivery=late))
    (now,) = lease(store)
    writes: dict[str, Write[object]] = {
        "ack": Ack(delivery=late),
        "retry": Retry(delivery=late, delay_s=0.0),
        "release": Release(delivery=late),
        "bury": Bury(delivery=late, error="x"),
        "extend": Extend(delivery=late, visibility_s=1.0),
    }

    with pytest.raises(LeaseLostError) as caught:
        store.write(writes[kind])

    assert caught.value.delivery_id == late.id
    store.write(Ack(delivery=now))


def test_a_retry_waits_and_counts_on(store: Store, clock: ManualClock) -> None:
    put(store, "e")
    (delivery,) = lease(store)

    store.write(Retry(delivery=delivery, delay_s=2.0))

    assert lease(store) == []
    assert store.events.next_due_s("charge") == clock.now_s() + 2.0
    clock.advance(2.0)
    assert [again.attempt for again in lease(store)] == [2]


def test_a_released_delivery_is_due_at_once_and_its_attempt_does_not_count(
    store: Store,
) -> None:
    put(store, "e")
    (delivery,) = lease(store)

    store.write(Release(delivery=delivery))

    assert [again.attempt for again in lease(store)] == [1]


def test_an_extended_lease_lasts_from_now_under_its_new_token(
    store: Store, clock: ManualClock
) -> None:
    put(store, "e")
    (delivery,) = lease(store, visibility_s=10.0)
    clock.advance(9.0)

    extended = store.write(Extend(delivery=delivery, visibility_s=10.0))
    clock.advance(9.0)

    assert lease(store) == []
    assert (extended.attempt, extended.event) == (1, delivery.event)
    with pytest.raises(LeaseLostError):
        store.write(Ack(delivery=delivery))
    store.write(Ack(delivery=extended))


def test_a_buried_delivery_is_kept_as_a_dead_letter(store: Store, clock: ManualClock) -> None:
    for event_id in ("1", "2"):
        put(store, event_id)
    put_s = clock.now_s()
    clock.advance(1.0)
    for delivery in lease(store):
        store.write(Bury(delivery=delivery, error=f"no {delivery.event.id}"))

    first, second = store.events.dead("charge", count_max=9)

    assert (first.event.id, first.error, first.attempts) == ("1", "no 1", 1)
    assert (first.put_s, first.died_s) == (put_s, clock.now_s())
    assert second.event.id == "2"
    assert store.events.dead("charge", count_max=1) == [first]
    assert store.events.dead("other", count_max=1) == []
    assert lease(store) == []


def test_the_error_of_a_dead_letter_is_cut_not_refused(store: Store) -> None:
    put(store, "e")
    (delivery,) = lease(store)

    store.write(Bury(delivery=delivery, error="x" * 100_000))

    assert store.events.dead("charge", count_max=1)[0].error == "x" * 16_384


def test_depth_counts_waiting_leased_and_dead(store: Store, clock: ManualClock) -> None:
    put(store, "delayed", Target(step="charge", delay_s=60.0))
    for event_id in ("1", "2", "3"):
        put_fifo(store, event_id)
    put(store, "dead")
    head, doomed = lease(store, visibility_s=10.0)
    store.write(Bury(delivery=doomed, error=""))

    assert head.event.id == "1"
    assert store.events.depth("charge") == QueueDepth(waiting=3, leased=1, dead=1)
    clock.advance(10.0)
    assert store.events.depth("charge") == QueueDepth(waiting=4, leased=0, dead=1)
    assert store.events.depth("other") == QueueDepth(waiting=0, leased=0, dead=0)


def test_steps_lists_those_with_a_delivery_or_a_dead_letter(store: Store) -> None:
    put(store, "e", Target(step="c"), Target(step="a"), Target(step="x" * 600))
    put(store, "f", Target(step="b"))
    (delivery,) = lease(store, step="b")
    store.write(Bury(delivery=delivery, error=""))
    (delivery,) = lease(store, step="c")
    store.write(Ack(delivery=delivery))

    assert store.events.steps() == ["a", "b", "x" * 600]


def test_two_targets_of_one_step_are_two_deliveries(store: Store) -> None:
    put(store, "e", Target(step="charge"), Target(step="charge"))

    both = lease(store)
    for delivery in both:
        store.write(Ack(delivery=delivery))

    assert ids(both) == ["e", "e"]
    assert store.events.steps() == []


def test_a_fifo_group_gives_one_at_a_time_and_groups_go_side_by_side(store: Store) -> None:
    for event_id, group_id in [("a1", "a"), ("a2", "a"), ("b1", "b"), ("a3", "a")]:
        put_fifo(store, event_id, group_id)

    a1, b1 = lease(store)
    assert ids([a1, b1]) == ["a1", "b1"]
    store.write(Ack(delivery=a1))

    (a2,) = lease(store)
    store.write(Bury(delivery=a2, error=""))

    assert ids(lease(store)) == ["a3"]


def test_a_busy_group_does_not_starve_a_quiet_one(store: Store, clock: ManualClock) -> None:
    for number in range(20):
        put_fifo(store, f"busy{number}", "busy")
    put_fifo(store, "quiet", "quiet")

    taken: list[str] = []
    while "quiet" not in taken:
        clock.advance(1.0)
        # As much comes into the busy group as is taken out of it.
        put_fifo(store, f"more{len(taken)}", "busy")
        [delivery] = lease(store, 1)
        taken.append(delivery.event.id)
        store.write(Ack(delivery=delivery))

    assert taken[:-1] == [f"busy{number}" for number in range(len(taken) - 1)]
    assert len(taken) <= 21


def test_a_retry_in_a_fifo_group_is_not_overtaken(store: Store, clock: ManualClock) -> None:
    put_fifo(store, "1")
    put_fifo(store, "2")
    (first,) = lease(store)
    store.write(Retry(delivery=first, delay_s=60.0))

    assert lease(store) == []
    clock.advance(60.0)

    assert ids(lease(store)) == ["1"]


def test_a_delayed_head_of_a_fifo_group_is_not_overtaken(store: Store, clock: ManualClock) -> None:
    put(store, "1", Target(step="charge", is_fifo=True, delay_s=5.0), group_id="g")
    put_fifo(store, "2")

    assert lease(store) == []
    clock.advance(5.0)
    assert ids(lease(store)) == ["1"]


def test_a_group_id_means_nothing_to_a_step_without_order(store: Store) -> None:
    for event_id in ("1", "2"):
        put(store, event_id, Target(step="charge"), group_id="g")

    assert ids(lease(store)) == ["1", "2"]


def test_an_event_has_the_values_limit(store: Store) -> None:
    at_limit = an_event(data=b"x" * VALUE_BYTES_MAX)
    too_large = an_event(data=b"x" * (VALUE_BYTES_MAX + 1))
    store.write(EventPut(event=at_limit, targets=(Target(step="charge"),)))

    with pytest.raises(PayloadTooLargeError):
        store.write(EventPut(event=too_large, targets=(Target(step="charge"),)))

    assert [delivery.event for delivery in lease(store)] == [at_limit]


def test_nothing_dead_holds_anything_here(store: Store) -> None:
    put(store, "e")
    lease(store)

    assert store.events.free_dead_owners() == 0
    assert lease(store) == []
