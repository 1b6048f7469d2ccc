"""A unit of work: what a transactional handler sees, and what it leaves to commit."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from motia_actors.clock import ManualClock
from motia_actors.errors import ConflictError, UsageError
from motia_actors.messages import Event, Target
from motia_actors.store import (
    EventCancel,
    EventPut,
    Lease,
    StateClear,
    StateDelete,
    StateExpect,
    StateIncrement,
    StateSet,
    StateSwap,
    StateUpdate,
    StreamDelete,
    StreamSend,
    StreamSet,
    StreamUpdate,
    Write,
)
from motia_actors.stores.memory import MemoryStore
from motia_actors.unit_of_work import UnitOfWork


@pytest.fixture
def store() -> Iterator[MemoryStore]:
    store = opened()
    yield store
    store.close()


def opened() -> MemoryStore:
    store = MemoryStore(ManualClock())
    store.open()
    return store


def put(unit: UnitOfWork | MemoryStore, key: str, value: bytes, group: str = "g") -> object:
    return unit.commit([StateSet(group=group, key=key, value=value)]).result()


def test_writes_are_seen_by_their_handler_and_by_nobody_else(store: MemoryStore) -> None:
    put(store, "a", b"1")
    unit = UnitOfWork(store)

    put(unit, "a", b"2")
    put(unit, "b", b"3")

    assert [item.value for item in unit.state.group("g")] == [b"2", b"3"]
    assert [item.value for item in store.state.group("g")] == [b"1"]


def test_committed_they_are_there_for_everybody(store: MemoryStore) -> None:
    put(store, "a", b"1")
    unit = UnitOfWork(store)

    assert unit.state.get("g", "a") == b"1"
    put(unit, "a", b"2")
    store.commit(unit.writes()).result()

    assert store.state.get("g", "a") == b"2"


def test_what_was_read_and_changed_by_another_is_a_conflict(store: MemoryStore) -> None:
    put(store, "a", b"1")
    unit = UnitOfWork(store)
    unit.state.get("g", "a")
    put(unit, "b", b"2")

    put(store, "a", b"9")

    with pytest.raises(ConflictError, match="'a'"):
        store.commit(unit.writes()).result()
    assert store.state.get("g", "b") is None


def test_a_handler_meets_one_state_of_the_world(store: MemoryStore) -> None:
    put(store, "a", b"1")
    unit = UnitOfWork(store)

    first = unit.state.get("g", "a")
    put(store, "a", b"9")

    assert unit.state.get("g", "a") == first == b"1"


def test_a_handler_that_only_reads_has_nothing_to_commit(store: MemoryStore) -> None:
    unit = UnitOfWork(store)

    unit.state.get("g", "a")

    assert unit.writes() == []


def test_delete_and_clear_answer_what_the_store_would(store: MemoryStore) -> None:
    put(store, "a", b"1")
    put(store, "b", b"2")
    unit = UnitOfWork(store)

    [old] = unit.commit([StateDelete(group="g", key="a")]).result()
    [count] = unit.commit([StateClear(group="g")]).result()

    assert (old, count) == (b"1", 1)
    assert unit.state.get("g", "b") is None
    assert unit.state.group("g") == []


def test_stream_items_keep_their_places(store: MemoryStore) -> None:
    for item_id in ("a", "b", "c"):
        store.write(StreamSet(stream="s", group="g", item_id=item_id, data=item(item_id)))
    unit = UnitOfWork(store)

    answers = unit.commit(
        [
            StreamSet(stream="s", group="g", item_id="b", data=item("b", 2)),
            StreamSet(stream="s", group="g", item_id="d", data=item("d")),
            StreamDelete(stream="s", group="g", item_id="a"),
            StreamSend(stream="s", group="g", item_id=None, data=b"{}"),
        ]
    ).result()

    assert answers == ["update", "create", item("a"), None]
    assert unit.streams.group("s", "g") == [item("b", 2), item("c"), item("d")]
    assert unit.streams.get("s", "g", "a") is None
    store.commit(unit.writes()).result()
    assert store.streams.group("s", "g") == [item("b", 2), item("c"), item("d")]


def test_an_update_is_seen_at_once_and_done_over_what_is_there_at_the_end(
    store: MemoryStore,
) -> None:
    store.write(StreamSet(stream="s", group="g", item_id="a", data=b'{"n":1}'))
    unit = UnitOfWork(store)
    update = StreamUpdate(stream="s", group="g", item_id="a", patch=b'{"n":2}')

    assert unit.commit([update]).result() == [b'{"n":2}']
    assert unit.streams.get("s", "g", "a") == b'{"n":2}'
    store.write(StreamSet(stream="s", group="g", item_id="a", data=b'{"n":1,"m":7}'))
    store.commit(unit.writes()).result()

    assert store.streams.get("s", "g", "a") == b'{"n":2,"m":7}'


def item(item_id: str, n: int = 1) -> bytes:
    return b'{"id":"%b","n":%d}' % (item_id.encode(), n)


def test_an_emit_is_kept_back_too(store: MemoryStore) -> None:
    unit = UnitOfWork(store)
    event = Event(id="e", topic="t", data=b"1", trace_id="T")

    unit.commit([EventPut(event=event, targets=())]).result()

    assert [write.__class__ for write in unit.writes()] == [EventPut]


def test_what_handlers_cannot_do_is_refused(store: MemoryStore) -> None:
    with pytest.raises(UsageError, match="Lease"):
        UnitOfWork(store).commit([Lease(step="s", count_max=1, visibility_s=1.0)])


KEYS = st.sampled_from(["a", "b", "c"])
GROUPS = st.sampled_from(["g", "h"])
WRITES: st.SearchStrategy[Write[object]] = st.one_of(
    st.builds(StateSet, group=GROUPS, key=KEYS, value=st.sampled_from([b"1", b"2"])),
    st.builds(StateDelete, group=GROUPS, key=KEYS),
    st.builds(StateClear, group=GROUPS),
)


@given(st.lists(WRITES, max_size=6), st.lists(WRITES, max_size=12))
def test_a_unit_answers_reads_and_writes_as_the_store_itself(
    before: list[Write[object]], writes: list[Write[object]]
) -> None:
    plain, beneath = opened(), opened()
    for write in before:
        plain.write(write)
        beneath.write(write)
    unit = UnitOfWork(beneath)

    for write in writes:
        assert unit.commit([write]).result() == [plain.write(write)]
        for group in ("g", "h"):
            assert unit.state.group(group) == plain.state.group(group)
            assert unit.state.get(group, "a") == plain.state.get(group, "a")

    beneath.commit(unit.writes()).result()
    assert beneath.state.items(count_max=99) == plain.state.items(count_max=99)


def test_an_expectation_of_nothing_is_kept_where_there_is_nothing(store: MemoryStore) -> None:
    store.commit([StateExpect(group="g", key="a", value=None)]).result()

    put(store, "a", b"1")

    with pytest.raises(ConflictError):
        store.commit([StateExpect(group="g", key="a", value=None)]).result()


def test_a_cancellation_is_kept_back_and_its_answer_is_not_known(store: MemoryStore) -> None:
    event = Event(id="e", topic="t", data=b"1", trace_id="x")
    later_s = ManualClock().now_s() + 60.0
    store.write(EventPut(event=event, targets=(Target(step="s"),), not_before_s=later_s))
    unit = UnitOfWork(store)

    assert unit.commit([EventCancel(event_id="e")]).result() == [None]

    assert store.events.depth("s").waiting == 1
    assert store.commit(unit.writes()).result() == [1]
    assert store.events.steps() == []


def test_changes_of_values_are_seen_by_their_handler_and_counted_once(store: MemoryStore) -> None:
    put(store, "n", b"1")
    unit = UnitOfWork(store)

    unit.commit([StateIncrement(group="g", key="n", by=b"2")])
    put(unit, "user", b'{"a":1}')
    updated = unit.commit([StateUpdate(group="g", key="user", patch=b'{"b":2}')]).result()
    swapped = unit.commit([StateSwap(group="g", key="n", expected=b"3", value=b"4")]).result()
    missed = unit.commit([StateSwap(group="g", key="n", expected=b"3", value=b"5")]).result()

    assert (updated, swapped, missed) == ([b'{"a":1,"b":2}'], [b"4"], [None])
    assert unit.state.keys("g") == ["n", "user"]
    assert (unit.state.get("g", "n"), store.state.get("g", "n")) == (b"4", b"1")
    store.commit(unit.writes()).result()
    assert (store.state.get("g", "n"), store.state.get("g", "user")) == (b"4", b'{"a":1,"b":2}')


def test_a_counter_that_another_moved_meanwhile_is_a_conflict(store: MemoryStore) -> None:
    unit = UnitOfWork(store)
    assert unit.commit([StateIncrement(group="g", key="n", by=b"1")]).result() == [b"1"]

    put(store, "n", b"7")

    with pytest.raises(ConflictError, match="'n'"):
        store.commit(unit.writes()).result()


def test_a_change_of_a_wrong_kind_leaves_the_unit_as_it_was(store: MemoryStore) -> None:
    unit = UnitOfWork(store)
    put(unit, "n", b'"x"')

    with pytest.raises(UsageError, match="is no number"):
        unit.commit([StateIncrement(group="g", key="n", by=b"1")])

    assert len(unit.writes()) == 1
