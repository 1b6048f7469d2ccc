"""What every store promises of commits, cron slots, journal, locks and wake-ups."""

from __future__ import annotations

import pytest

from motia_actors.clock import ManualClock
from motia_actors.errors import LeaseLostError, PayloadTooLargeError, StoreClosedError
from motia_actors.messages import Target, Wake
from motia_actors.store import (
    Ack,
    CronFire,
    EventPut,
    JournalAppend,
    JournalClear,
    Lease,
    Release,
    Retry,
    StateClear,
    StateDelete,
    StateSet,
    Store,
    StreamSet,
    Sweep,
    Write,
)
from tests.conformance.conftest import AGE_S, BYTES_MAX, COUNT_MAX, VALUE_BYTES_MAX, StoreMaker
from tests.stores.driving import WAIT_S, an_event, ids, lease, put, put_fifo


def fire(store: Store, slot_s: float, *, allow_overlap: bool = True) -> str:
    event = an_event(f"slot{slot_s:g}")
    return store.write(
        CronFire(step="tick", slot_s=slot_s, event=event, allow_overlap=allow_overlap)
    )


def commit(store: Store, *writes: Write[object]) -> list[object]:
    return store.commit(writes).result(WAIT_S)


def test_a_commit_answers_each_write_in_order(store: Store) -> None:
    answers = commit(
        store,
        StateSet(group="g", key="k", value=b"1"),
        StreamSet(stream="s", group="g", item_id="i", data=b"2"),
        Lease(step="charge", count_max=1, visibility_s=1.0),
        StateDelete(group="g", key="k"),
        StateClear(group="g"),
    )

    assert answers == [None, "create", [], b"1", 0]
    assert commit(store) == []


def test_a_commit_that_lost_its_lease_leaves_nothing_behind(store: Store) -> None:
    put(store, "1")
    put(store, "2")
    first, second = lease(store)
    store.write(Ack(delivery=first))

    with pytest.raises(LeaseLostError):
        commit(
            store,
            StateSet(group="g", key="k", value=b"1"),
            StreamSet(stream="s", group="g", item_id="i", data=b"1"),
            JournalAppend(kind="log", record=b"1"),
            EventPut(event=an_event("3"), targets=(Target(step="other"),)),
            CronFire(step="tick", slot_s=1.0, event=an_event("4"), allow_overlap=True),
            Ack(delivery=second),
            Ack(delivery=first),
        )

    assert store.state.items(count_max=9) == []
    assert store.streams.last_seq() == 0
    assert store.journal.tail("log", count_max=9) == []
    assert store.events.steps() == ["charge"]
    assert store.events.last_slot_s("tick") is None
    store.write(Ack(delivery=second))


def test_a_commit_with_one_value_too_large_leaves_nothing_behind(store: Store) -> None:
    with pytest.raises(PayloadTooLargeError):
        commit(
            store,
            StateSet(group="g", key="k", value=b"1"),
            JournalAppend(kind="log", record=b"x" * (VALUE_BYTES_MAX + 1)),
        )

    assert store.state.items(count_max=9) == []


def test_an_ack_travels_with_state_and_emits(store: Store) -> None:
    put(store, "1")
    (delivery,) = lease(store)

    commit(
        store,
        StateSet(group="g", key="k", value=b"1"),
        EventPut(event=an_event("2"), targets=(Target(step="next"),)),
        Ack(delivery=delivery),
    )

    assert store.state.get("g", "k") == b"1"
    assert store.events.steps() == ["next"]


def test_a_failed_commit_does_not_touch_others(store: Store) -> None:
    put(store, "1")
    (delivery,) = lease(store)
    store.write(Ack(delivery=delivery))

    promises = [
        store.commit([StateSet(group="g", key="1", value=b"1")]),
        store.commit([Ack(delivery=delivery), StateSet(group="g", key="2", value=b"1")]),
        store.commit([StateSet(group="g", key="3", value=b"1")]),
    ]

    assert promises[0].result(WAIT_S) == promises[2].result(WAIT_S) == [None]
    with pytest.raises(LeaseLostError):
        promises[1].result(WAIT_S)
    assert [item.key for item in store.state.group("g")] == ["1", "3"]


def test_a_slot_fires_once_and_never_an_earlier_one(store: Store) -> None:
    assert store.events.last_slot_s("tick") is None

    assert fire(store, 60.0) == "fired"
    assert fire(store, 60.0) == "taken"
    assert fire(store, 0.5) == "taken"
    assert fire(store, 120.0) == "fired"
    assert store.events.last_slot_s("tick") == 120.0
    assert ids(lease(store, step="tick")) == ["slot60", "slot120"]


@pytest.mark.parametrize("state", ["queued", "leased", "retrying"])
def test_a_slot_is_busy_while_the_run_before_is_not_over(store: Store, state: str) -> None:
    assert fire(store, 60.0, allow_overlap=False) == "fired"
    if state != "queued":
        (delivery,) = lease(store, step="tick")
        if state == "retrying":
            store.write(Retry(delivery=delivery, delay_s=9.0))

    assert fire(store, 120.0, allow_overlap=False) == "busy"
    assert fire(store, 120.0, allow_overlap=False) == "taken"
    assert store.events.last_slot_s("tick") == 120.0


def test_a_slot_is_free_once_the_run_before_is_over(store: Store) -> None:
    fire(store, 60.0, allow_overlap=False)
    (delivery,) = lease(store, step="tick")
    store.write(Ack(delivery=delivery))

    assert fire(store, 120.0, allow_overlap=False) == "fired"


def test_the_journal_keeps_the_newest_of_each_kind(store: Store) -> None:
    for number in range(COUNT_MAX + 2):
        store.write(JournalAppend(kind="log", record=b"%d" % number))
    store.write(JournalAppend(kind="", record=b"other"))

    assert store.journal.tail("log", count_max=99) == [b"2", b"3", b"4", b"5", b"6"]
    assert store.journal.tail("log", count_max=2) == [b"5", b"6"]
    assert store.journal.tail("log", count_max=0) == []
    assert store.journal.tail("", count_max=9) == [b"other"]
    assert store.journal.tail("none", count_max=9) == []


def test_the_journal_keeps_no_more_bytes_than_its_limit_but_the_newest(store: Store) -> None:
    third = BYTES_MAX // 3
    # The last one is as large as a record may be, and half of it would not fit any more.
    for number, size in enumerate((third, third, third, 10, VALUE_BYTES_MAX)):
        store.write(JournalAppend(kind="log", record=b"%d" % number + b"x" * (size - 1)))

    kept = store.journal.tail("log", count_max=99)

    assert [record[:1] for record in kept] == [b"2", b"3", b"4"]
    assert sum(map(len, kept)) <= BYTES_MAX


def test_old_records_go_with_the_next_one_or_with_a_sweep(store: Store, clock: ManualClock) -> None:
    sweep = Sweep(dead_age_s=9.0, dead_count_max=9, journal_age_s=AGE_S)
    for kind in ("log", "span"):
        store.write(JournalAppend(kind=kind, record=b"1"))
        store.write(JournalAppend(kind=kind, record=b"2"))
    clock.advance(AGE_S - 1.0)
    store.write(JournalAppend(kind="log", record=b"3"))
    young = store.journal.tail("log", count_max=99)

    clock.advance(1.0)
    store.write(JournalAppend(kind="log", record=b"4"))
    old = store.journal.tail("log", count_max=99), store.journal.tail("span", count_max=99)
    swept = store.write(sweep)

    assert young == [b"1", b"2", b"3"]
    assert old == ([b"3", b"4"], [b"1", b"2"])
    # The last of a kind stays, since the next one is numbered after it.
    assert (swept, store.journal.tail("span", count_max=99)) == (1, [b"2"])
    assert store.journal.tail("log", count_max=99) == [b"3", b"4"]
    assert store.write(sweep) == 0


def test_the_journal_is_read_on_from_a_number(store: Store) -> None:
    for text in (b"1", b"2", b"3"):
        store.write(JournalAppend(kind="log", record=text))
    seen = store.journal.after("log", after_seq=0, count_max=99)

    later = store.journal.after("log", after_seq=seen[0].seq, count_max=99)

    assert [one.record for one in seen] == [b"1", b"2", b"3"]
    assert later == seen[1:]
    assert store.journal.after("log", after_seq=seen[0].seq, count_max=1) == seen[2:]
    assert store.journal.after("log", after_seq=seen[2].seq, count_max=99) == []


def test_a_cleared_journal_is_empty_and_counts_on(store: Store) -> None:
    for text in (b"1", b"2"):
        store.write(JournalAppend(kind="log", record=text))
    store.write(JournalAppend(kind="span", record=b"other"))
    last = store.journal.after("log", after_seq=0, count_max=99)[-1].seq

    assert store.write(JournalClear(kind="log")) == 2

    assert store.journal.tail("log", count_max=99) == []
    assert store.journal.tail("span", count_max=99) == [b"other"]
    assert store.write(JournalClear(kind="log")) == 0
    assert store.write(JournalClear(kind="none")) == 0
    store.write(JournalAppend(kind="log", record=b"3"))
    (new,) = store.journal.after("log", after_seq=last, count_max=99)
    assert new.record == b"3"


def test_a_lock_is_kept_by_its_holder_and_freed(store: Store) -> None:
    assert store.locks.try_hold("a/b\0" + "x" * 600)
    assert store.locks.try_hold("a/b\0" + "x" * 600)

    store.locks.release("a/b\0" + "x" * 600)
    store.locks.release("never held")

    assert store.locks.try_hold("a/b\0" + "x" * 600)


def test_listeners_hear_of_commits_that_woke_something(store: Store) -> None:
    heard: list[Wake] = []
    store.notifier.listen(heard.append)

    commit(
        store,
        StreamSet(stream="s", group="g", item_id="i", data=b"1"),
        EventPut(event=an_event(), targets=(Target(step="b"), Target(step="a"))),
    )
    commit(store, StateSet(group="g", key="k", value=b"1"))
    commit(store, JournalAppend(kind="log", record=b"1"))

    commit(store)
    assert heard == [Wake(steps=("a", "b"), streams=("s",))]


def test_whoever_waits_for_a_step_hears_of_retry_release_and_the_next_of_a_group(
    store: Store,
) -> None:
    for event_id in ("1", "2"):
        put_fifo(store, event_id)
    heard: list[Wake] = []
    store.notifier.listen(heard.append)

    (delivery,) = lease(store)
    store.write(Release(delivery=delivery))
    (delivery,) = lease(store)
    store.write(Retry(delivery=delivery, delay_s=0.0))
    (delivery,) = lease(store)
    store.write(Ack(delivery=delivery))

    commit(store)
    assert heard == [Wake(steps=("charge",))] * 3


def test_a_closed_store_refuses_everything(make_store: StoreMaker, clock: ManualClock) -> None:
    with make_store(clock) as store:
        store.write(StateSet(group="g", key="k", value=b"1"))

    with pytest.raises(StoreClosedError):
        store.write(StateSet(group="g", key="k", value=b"2"))
    with pytest.raises(StoreClosedError):
        store.state.get("g", "k")
    with pytest.raises(StoreClosedError):
        store.events.free_dead_owners()
    with pytest.raises(StoreClosedError):
        store.locks.try_hold("l")
    with pytest.raises(StoreClosedError):
        store.commit_waiting(wait_s=0.0)
    store.close()


def test_a_store_that_was_closed_can_be_opened_again(
    make_store: StoreMaker, clock: ManualClock
) -> None:
    with make_store(clock) as store:
        store.write(StateSet(group="g", key="k", value=b"1"))

    store.open()

    assert store.state.get("g", "k") == b"1"
    store.close()


def test_statistics_count_commits(store: Store) -> None:
    before = store.statistics()["commits"]

    store.write(StateSet(group="g", key="k", value=b"1"))

    assert store.statistics()["commits"] == before + 1
