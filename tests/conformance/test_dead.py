"""What every store promises of dead letters, and that nothing is kept for ever."""

from __future__ import annotations

import math

import pytest

from motia_actors.clock import ManualClock
from motia_actors.errors import PayloadTooLargeError, UsageError
from motia_actors.messages import DeadLetter, Target, Wake
from motia_actors.store import (
    Ack,
    Bury,
    DeadPurge,
    DeadReplay,
    EventCancel,
    EventPut,
    QueueDepth,
    StateSet,
    Store,
    Sweep,
)
from tests.conformance.conftest import VALUE_BYTES_MAX
from tests.stores.driving import an_event, ids, lease, put, put_fifo


def bury(store: Store, *event_ids: str, step: str = "charge") -> list[DeadLetter]:
    """Let events die, one after the other; answers all letters of the step."""
    for event_id in event_ids:
        put(store, event_id, Target(step=step))
        (delivery,) = lease(store, step=step)
        store.write(Bury(delivery=delivery, error=f"no {event_id}", stack=f"in {event_id}"))
    return dead(store, step)


def dead(store: Store, step: str = "charge") -> list[DeadLetter]:
    return store.events.dead(step, count_max=99)


def names(letters: list[DeadLetter]) -> list[str]:
    return [letter.event.id for letter in letters]


def test_a_letter_keeps_where_it_died_and_is_found_by_its_id(store: Store) -> None:
    first, second = bury(store, "1", "2")

    assert (first.error, first.stack) == ("no 1", "in 1")
    assert first.id != second.id
    assert store.events.dead_letter("charge", second.id) == second
    assert store.events.dead_letter("other", second.id) is None


@pytest.mark.parametrize("letter_id", ["", "x", "-1", "0", "٣", "1" * 30, "99999999"])
def test_an_id_that_was_never_given_finds_nothing(store: Store, letter_id: str) -> None:
    bury(store, "1")

    assert store.events.dead_letter("charge", letter_id) is None
    assert store.write(DeadPurge(step="charge", ids=(letter_id,))) == 0
    assert store.write(DeadReplay(step="charge", ids=(letter_id,))) == 0
    assert len(dead(store)) == 1


def test_letters_are_read_page_by_page_even_after_one_that_is_gone(store: Store) -> None:
    letters = bury(store, "1", "2", "3")
    events = store.events
    store.write(DeadPurge(step="charge", ids=(letters[0].id,)))

    assert events.dead("charge", count_max=1, after_id=letters[0].id) == [letters[1]]
    assert events.dead("charge", count_max=9, after_id=letters[1].id) == [letters[2]]
    assert events.dead("charge", count_max=9, after_id=letters[2].id) == []
    assert events.dead("charge", count_max=9, after_id="none of ours") == []
    assert events.dead("charge", count_max=0) == []


def test_the_stack_of_a_letter_keeps_its_end(store: Store) -> None:
    put(store, "e")
    (delivery,) = lease(store)

    store.write(Bury(delivery=delivery, error="", stack="a" * 50_000 + "b" * 16_384))

    assert dead(store)[0].stack == "b" * 16_384


def test_a_replayed_letter_runs_again_as_if_for_the_first_time(
    store: Store, clock: ManualClock
) -> None:
    put_s = clock.now_s()
    (letter,) = bury(store, "1")
    clock.advance(9.0)

    assert store.write(DeadReplay(step="charge", ids=(letter.id, letter.id))) == 1

    assert store.events.depth("charge") == QueueDepth(waiting=1, leased=0, dead=0)
    (again,) = lease(store)
    assert (again.event, again.attempt, again.put_s) == (letter.event, 1, put_s)


def test_all_letters_of_one_step_are_replayed_oldest_first(store: Store) -> None:
    bury(store, "1", "2", "3")
    bury(store, "4", step="other")

    assert store.write(DeadReplay(step="charge")) == 3
    assert store.write(DeadReplay(step="charge")) == 0

    assert ids(lease(store)) == ["1", "2", "3"]
    assert names(dead(store, "other")) == ["4"]


def test_chosen_letters_are_replayed_oldest_first_however_they_are_named(store: Store) -> None:
    first, _, third = bury(store, "1", "2", "3")

    assert store.write(DeadReplay(step="charge", ids=(third.id, "no", first.id))) == 2
    assert store.write(DeadReplay(step="charge", ids=())) == 0

    assert ids(lease(store)) == ["1", "3"]
    assert names(dead(store)) == ["2"]


def test_a_letter_is_replayed_with_other_data_and_its_siblings_keep_theirs(store: Store) -> None:
    put(store, "e", Target(step="charge"), Target(step="mail"))
    (delivery,) = lease(store)
    store.write(Bury(delivery=delivery, error=""))
    (letter,) = dead(store)

    store.write(DeadReplay(step="charge", ids=(letter.id,), data=b"[1]"))

    (edited,) = lease(store)
    (sibling,) = lease(store, step="mail")
    assert (edited.event.id, edited.event.data, edited.id) == ("e", b"[1]", delivery.id)
    assert sibling.event == letter.event
    for one in (edited, sibling):
        store.write(Ack(delivery=one))
    assert store.events.steps() == []
    assert store.statistics().get("rows_events", 0) == 0, "both bodies are gone"


@pytest.mark.parametrize("letter_ids", [None, (), ("1", "2")])
def test_other_data_is_for_one_letter(store: Store, letter_ids: tuple[str, ...] | None) -> None:
    bury(store, "1", "2")

    with pytest.raises(UsageError, match="one dead letter"):
        store.write(DeadReplay(step="charge", ids=letter_ids, data=b"1"))
    assert len(dead(store)) == 2


def test_other_data_has_the_values_limit(store: Store) -> None:
    (letter,) = bury(store, "1")
    too_large = b"x" * (VALUE_BYTES_MAX + 1)

    with pytest.raises(PayloadTooLargeError):
        store.write(DeadReplay(step="charge", ids=(letter.id,), data=too_large))
    assert dead(store) == [letter]


def test_a_replayed_letter_comes_last_in_its_fifo_group(store: Store) -> None:
    for event_id in ("1", "2", "3"):
        put_fifo(store, event_id)
    (first,) = lease(store)
    store.write(Bury(delivery=first, error=""))

    store.write(DeadReplay(step="charge"))

    order = []
    while deliveries := lease(store):
        order += ids(deliveries)
        store.write(Ack(delivery=deliveries[0]))
    assert order == ["2", "3", "1"]


def test_a_replay_wakes_its_step_and_is_held_back_by_no_limit(store: Store) -> None:
    put(store, "1", Target(step="charge", depth_max=1))
    (delivery,) = lease(store)
    store.write(Bury(delivery=delivery, error=""))
    put(store, "2", Target(step="charge", depth_max=1))
    heard: list[Wake] = []
    store.notifier.listen(heard.append)

    assert store.write(DeadReplay(step="charge")) == 1

    store.write(StateSet(group="g", key="k", value=b"1"))
    assert heard == [Wake(steps=("charge",))]
    assert store.events.depth("charge").waiting == 2


def test_a_letter_that_dies_again_is_a_new_letter(store: Store) -> None:
    (letter,) = bury(store, "1")
    store.write(DeadReplay(step="charge"))
    (delivery,) = lease(store)
    store.write(Bury(delivery=delivery, error="again"))

    (again,) = dead(store)

    assert again.id != letter.id
    assert (again.error, again.attempts) == ("again", 1)


def test_a_purge_forgets_the_letters_it_names_or_all(store: Store) -> None:
    letters = bury(store, "1", "2", "3")
    bury(store, "4", step="other")

    assert store.write(DeadPurge(step="charge", ids=(letters[1].id, "no"))) == 1
    assert names(dead(store)) == ["1", "3"]
    assert store.write(DeadPurge(step="charge")) == 2
    assert store.write(DeadPurge(step="charge")) == 0
    assert store.events.steps() == ["other"]


def test_a_sweep_forgets_old_letters_of_all_steps(store: Store, clock: ManualClock) -> None:
    bury(store, "1")
    bury(store, "2", step="other")
    clock.advance(60.0)
    bury(store, "3")

    assert store.write(Sweep(dead_age_s=60.0, dead_count_max=9)) == 2
    assert names(dead(store)) == ["3"]
    assert store.events.steps() == ["charge"]
    assert store.write(Sweep(dead_age_s=math.inf, dead_count_max=9)) == 0


def test_a_sweep_forgets_the_oldest_past_the_limit_of_each_step(store: Store) -> None:
    bury(store, "1", "2", "3", "4")
    bury(store, "5", step="other")
    sweep = Sweep(dead_age_s=60.0, dead_count_max=1, rows_max=2)

    assert [store.write(sweep), store.write(sweep), store.write(sweep)] == [2, 1, 0]

    assert names(dead(store)) == ["4"]
    assert names(dead(store, "other")) == ["5"]


def test_a_sweep_spares_what_is_queued(store: Store) -> None:
    put(store, "1")
    bury(store, "2", step="other")

    assert store.write(Sweep(dead_age_s=0.0, dead_count_max=0)) == 1
    assert ids(lease(store)) == ["1"]


def test_no_table_grows_by_events_that_are_over(store: Store, clock: ManualClock) -> None:
    targets = (Target(step="charge", is_fifo=True), Target(step="mail"))

    def a_round(number: int) -> dict[str, float]:
        for index in range(6):
            name = f"{number}.{index}"
            event = an_event(name, group_id=f"g{index % 2}")
            at_s = clock.now_s() + index if index % 2 else None
            store.write(EventPut(event=event, targets=targets, dedupe_key=name, not_before_s=at_s))
        store.write(EventCancel(event_id=f"{number}.5"))
        clock.advance(600.0)
        for step in ("charge", "mail"):
            while deliveries := lease(store, step=step):
                head, *rest = deliveries
                store.write(Bury(delivery=head, error=""))
                for delivery in rest:
                    store.write(Ack(delivery=delivery))
        store.write(DeadReplay(step="mail"))
        for delivery in lease(store, step="mail"):
            store.write(Ack(delivery=delivery))
        while store.write(Sweep(dead_age_s=3600.0, dead_count_max=1, rows_max=3)) == 3:
            pass
        figures = store.statistics().items()
        return {name: count for name, count in figures if name.startswith("rows_")}

    first = a_round(0)

    assert first["rows_dead"] == 1
    assert first["rows_dedupes"] == first["rows_scheduled"] == 0
    assert [a_round(number) for number in range(1, 4)] == [first] * 3
