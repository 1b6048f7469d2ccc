"""What every store promises of events that are put once, later, never or not at all."""

from __future__ import annotations

import pytest

from motia_actors.clock import ManualClock
from motia_actors.errors import LeaseLostError, QueueFullError
from motia_actors.messages import Debounce, Target, Wake
from motia_actors.store import (
    Ack,
    Bury,
    DeadReplay,
    EventCancel,
    EventPut,
    QueueDepth,
    Retry,
    StateSet,
    Store,
    Sweep,
    Write,
)
from tests.stores.driving import WAIT_S, an_event, ids, lease, put, put_fifo

CHARGE = (Target(step="charge"),)
ORDERED = (Target(step="charge", is_fifo=True),)


def put_once(
    store: Store, event_id: str, key: str, *, window_s: float = 120.0, topic: str = "order"
) -> str:
    write = EventPut(
        event=an_event(event_id, topic=topic),
        targets=CHARGE,
        dedupe_key=key,
        dedupe_window_s=window_s,
    )
    return store.write(write)


def put_at(
    store: Store,
    event_id: str,
    at_s: float,
    targets: tuple[Target, ...] = CHARGE,
    *,
    group_id: str | None = None,
) -> str:
    event = an_event(event_id, group_id=group_id)
    return store.write(EventPut(event=event, targets=targets, not_before_s=at_s))


def cancel(store: Store, event_id: str) -> int:
    return store.write(EventCancel(event_id=event_id))


def put_limited(event_id: str, depth_max: int, step: str = "charge") -> EventPut:
    return EventPut(event=an_event(event_id), targets=(Target(step=step, depth_max=depth_max),))


def waiting(store: Store, step: str = "charge") -> int:
    return store.events.depth(step).waiting


# Once.


def test_a_put_answers_its_events_id(store: Store) -> None:
    assert store.write(EventPut(event=an_event("e"), targets=CHARGE)) == "e"
    assert store.write(EventPut(event=an_event("f"), targets=())) == "f"


def test_an_event_stands_for_those_of_its_topic_and_key_within_its_window(
    store: Store, clock: ManualClock
) -> None:
    assert put_once(store, "1", "k", window_s=60.0) == "1"
    clock.advance(59.0)
    assert put_once(store, "2", "k", window_s=1000.0) == "1"
    assert put_once(store, "3", "other") == "3"
    assert put_once(store, "4", "k", topic="payment") == "4"
    clock.advance(1.0)
    assert put_once(store, "5", "k") == "5"

    assert ids(lease(store)) == ["1", "3", "4", "5"]


def test_an_event_stands_for_others_though_it_is_done(store: Store) -> None:
    put_once(store, "1", "k")
    (delivery,) = lease(store)
    store.write(Ack(delivery=delivery))

    assert put_once(store, "2", "k") == "1"
    assert lease(store) == []


def test_a_key_of_a_commit_that_failed_stands_for_nothing(store: Store) -> None:
    put(store, "0")
    (delivery,) = lease(store)
    store.write(Ack(delivery=delivery))
    first = EventPut(event=an_event("1"), targets=CHARGE, dedupe_key="k")
    with pytest.raises(LeaseLostError):
        store.commit([first, Ack(delivery=delivery)]).result(WAIT_S)

    assert put_once(store, "2", "k") == "2"


def test_within_one_commit_the_first_of_a_key_stands(store: Store) -> None:
    writes = [
        EventPut(event=an_event(event_id), targets=CHARGE, dedupe_key="k")
        for event_id in ("1", "2")
    ]

    assert store.commit(writes).result(WAIT_S) == ["1", "1"]
    assert ids(lease(store)) == ["1"]


def test_an_event_without_targets_stands_for_nothing(store: Store) -> None:
    store.write(EventPut(event=an_event("1"), targets=(), dedupe_key="k"))

    assert put_once(store, "2", "k") == "2"


def test_any_text_is_a_key(store: Store) -> None:
    assert [put_once(store, str(n), key) for n, key in enumerate(["", "\ud800", "x" * 600])] == [
        *("0", "1", "2")
    ]
    assert [put_once(store, "9", key) for key in ["", "\ud800", "x" * 600]] == ["0", "1", "2"]


def test_a_sweep_forgets_keys_past_their_window_and_no_others(
    store: Store, clock: ManualClock
) -> None:
    for number in range(3):
        put_once(store, str(number), str(number), window_s=10.0)
    put_once(store, "long", "long", window_s=100.0)
    clock.advance(10.0)
    sweep = Sweep(dead_age_s=1.0, dead_count_max=1, rows_max=2)

    assert [store.write(sweep) for _ in range(3)] == [2, 1, 0]

    assert put_once(store, "again", "long") == "long"
    assert put_once(store, "again", "1") == "again"


def test_a_key_that_is_used_again_is_not_swept_by_its_first_end(
    store: Store, clock: ManualClock
) -> None:
    put_once(store, "1", "k", window_s=10.0)
    clock.advance(10.0)
    put_once(store, "2", "k", window_s=10.0)

    assert store.write(Sweep(dead_age_s=1.0, dead_count_max=1)) == 0
    assert put_once(store, "3", "k") == "2"


# Later.


@pytest.mark.parametrize(("at_s", "delay_s", "due_s"), [(9, 0, 9), (9, 20, 20), (-5, 0, 0)])
def test_an_event_is_due_at_its_time_but_not_before_its_targets_delay(
    store: Store, clock: ManualClock, at_s: float, delay_s: float, due_s: float
) -> None:
    now_s = clock.now_s()
    put_at(store, "e", now_s + at_s, (Target(step="charge", delay_s=delay_s),))

    assert store.events.next_due_s("charge") == now_s + due_s
    clock.advance(due_s)
    assert ids(lease(store)) == ["e"]


def test_a_scheduled_head_of_a_fifo_group_is_not_overtaken(
    store: Store, clock: ManualClock
) -> None:
    put_at(store, "1", clock.now_s() + 5.0, ORDERED, group_id="g")
    put_fifo(store, "2")

    assert lease(store) == []
    clock.advance(5.0)
    assert ids(lease(store)) == ["1"]


# Never.


def test_a_cancelled_event_is_gone_from_every_step(store: Store, clock: ManualClock) -> None:
    put_at(store, "e", clock.now_s() + 60.0, (Target(step="charge"), Target(step="mail")))
    put_at(store, "f", clock.now_s() + 60.0)

    assert cancel(store, "e") == 2
    assert cancel(store, "e") == 0

    clock.advance(60.0)
    assert ids(lease(store)) == ["f"]
    assert store.events.steps() == ["charge"]


def test_only_scheduled_events_can_be_cancelled(store: Store) -> None:
    put(store, "e")

    assert cancel(store, "e") == cancel(store, "never put") == 0
    assert ids(lease(store)) == ["e"]


def test_a_lease_is_not_cancelled_until_it_ran_out(store: Store, clock: ManualClock) -> None:
    put_at(store, "e", clock.now_s())
    (delivery,) = lease(store, visibility_s=30.0)
    assert cancel(store, "e") == 0

    clock.advance(30.0)

    assert cancel(store, "e") == 1
    with pytest.raises(LeaseLostError):
        store.write(Ack(delivery=delivery))
    assert store.events.steps() == []


def test_a_retry_and_a_replay_can_be_cancelled_and_a_dead_letter_cannot(
    store: Store, clock: ManualClock
) -> None:
    put_at(store, "e", clock.now_s())
    put_at(store, "f", clock.now_s())
    first, second = lease(store)
    store.write(Retry(delivery=first, delay_s=9.0))
    store.write(Bury(delivery=second, error=""))

    assert [cancel(store, "e"), cancel(store, "f")] == [1, 0]
    assert store.events.depth("charge") == QueueDepth(waiting=0, leased=0, dead=1)
    store.write(DeadReplay(step="charge"))
    assert cancel(store, "f") == 1
    assert store.events.steps() == []


@pytest.mark.parametrize(("cancelled", "left"), [("1", ["2"]), ("2", ["1"]), ("3", ["1"])])
def test_a_fifo_group_goes_on_without_what_was_cancelled(
    store: Store, clock: ManualClock, cancelled: str, left: list[str]
) -> None:
    for event_id in ("1", "2", "3"):
        put_at(store, event_id, clock.now_s(), ORDERED, group_id="g")

    assert cancel(store, cancelled) == 1

    assert ids(lease(store)) == left
    assert waiting(store) == 1


def test_whoever_waits_hears_that_a_cancelled_head_freed_its_group(
    store: Store, clock: ManualClock
) -> None:
    put_at(store, "1", clock.now_s() + 60.0, ORDERED, group_id="g")
    put_fifo(store, "2")
    heard: list[Wake] = []
    store.notifier.listen(heard.append)

    cancel(store, "1")

    store.write(StateSet(group="g", key="k", value=b"1"))
    assert heard == [Wake(steps=("charge",))]
    assert ids(lease(store)) == ["2"]


# Not at all.


def test_a_queue_at_its_limit_refuses_one_more_and_has_room_again(store: Store) -> None:
    for event_id in ("1", "2"):
        store.write(put_limited(event_id, 2))
    first, _ = lease(store)

    with pytest.raises(QueueFullError, match=r"infrastructure\.queue\.depth") as caught:
        store.write(put_limited("3", 2))

    assert (caught.value.step, caught.value.depth, caught.value.depth_max) == ("charge", 2, 2)
    assert caught.value.retry_after_s > 0
    store.write(Ack(delivery=first))
    assert store.write(put_limited("4", 2)) == "4"


def test_dead_letters_take_no_room_in_the_queue(store: Store) -> None:
    store.write(put_limited("1", 1))
    (delivery,) = lease(store)
    store.write(Bury(delivery=delivery, error=""))

    assert store.write(put_limited("2", 1)) == "2"


def test_an_event_that_one_step_has_no_room_for_goes_to_none(store: Store) -> None:
    store.write(put_limited("1", 1))
    both = (Target(step="mail"), Target(step="charge", depth_max=1))

    with pytest.raises(QueueFullError):
        store.write(EventPut(event=an_event("2"), targets=both, dedupe_key="k"))

    assert store.events.steps() == ["charge"]
    assert store.write(EventPut(event=an_event("3"), targets=both[:1], dedupe_key="k")) == "3"


def test_two_targets_of_one_step_need_room_for_two(store: Store) -> None:
    twice = (Target(step="charge", depth_max=1),) * 2

    with pytest.raises(QueueFullError):
        store.write(EventPut(event=an_event(), targets=twice))
    assert store.events.steps() == []


def test_an_event_that_another_stands_for_needs_no_room(store: Store) -> None:
    limited = (Target(step="charge", depth_max=1),)
    first, second = (
        EventPut(event=an_event(event_id), targets=limited, dedupe_key="k")
        for event_id in ("1", "2")
    )

    assert [store.write(first), store.write(second)] == ["1", "1"]


def test_a_commit_without_room_leaves_nothing_behind_and_others_are_kept(store: Store) -> None:
    heard: list[Wake] = []
    store.notifier.listen(heard.append)
    half: list[Write[object]] = [
        StateSet(group="g", key="half", value=b"1"),
        put_limited("1", 9, "mail"),
        put_limited("2", 1),
        put_limited("3", 1),
    ]

    promises = [
        store.commit([StateSet(group="g", key="before", value=b"1")]),
        store.commit(half),
        store.commit([put_limited("4", 1), StateSet(group="g", key="after", value=b"1")]),
    ]

    assert promises[0].result(WAIT_S) == [None]
    with pytest.raises(QueueFullError):
        promises[1].result(WAIT_S)
    assert promises[2].result(WAIT_S) == ["4", None]
    assert [item.key for item in store.state.group("g")] == ["after", "before"]
    assert store.events.steps() == ["charge"]
    store.write(StateSet(group="g", key="k", value=b"1"))
    assert heard == [Wake(steps=("charge",))]


def test_room_that_a_commit_makes_is_room_for_what_it_puts_later(store: Store) -> None:
    store.write(put_limited("1", 1))
    (delivery,) = lease(store)

    with pytest.raises(QueueFullError):
        store.commit([put_limited("2", 1), Ack(delivery=delivery)]).result(WAIT_S)
    store.commit([Ack(delivery=delivery), put_limited("2", 1)]).result(WAIT_S)

    assert ids(lease(store)) == ["2"]


# What waits.


def test_what_waits_for_its_time_is_listed_first_due_first(
    store: Store, clock: ManualClock
) -> None:
    now_s = clock.now_s()
    put(store, "at once")
    put_at(store, "2", now_s + 60.0)
    put_at(store, "1", now_s + 30.0, ORDERED, group_id="g")
    put_at(store, "3", now_s + 90.0, ORDERED, group_id="g")
    burst = (Target(step="ship", debounce=Debounce(wait_s=10.0)),)
    store.write(EventPut(event=an_event("0"), targets=burst))

    found = store.events.scheduled(count_max=9)

    assert [(one.event.id, one.step, one.due_s - now_s, one.is_burst) for one in found] == [
        ("0", "ship", 10.0, True),
        ("1", "charge", 30.0, False),
        ("2", "charge", 60.0, False),
        ("3", "charge", 90.0, False),
    ]
    assert store.events.scheduled(count_max=2) == found[:2]
    assert store.events.scheduled(count_max=0) == []


def test_what_is_leased_waits_no_more_and_does_again_for_a_retry(
    store: Store, clock: ManualClock
) -> None:
    put_at(store, "1", clock.now_s() + 30.0)
    clock.advance(30.0)
    (delivery,) = lease(store)

    assert store.events.scheduled(count_max=9) == []
    store.write(Retry(delivery=delivery, delay_s=5.0))

    (one,) = store.events.scheduled(count_max=9)
    assert one.due_s == clock.now_s() + 5.0
