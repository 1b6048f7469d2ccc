"""What every store promises of values that end."""

from __future__ import annotations

import pytest

from motia_actors.clock import ManualClock
from motia_actors.errors import ConflictError
from motia_actors.store import (
    StateClear,
    StateDelete,
    StateExpect,
    StateIncrement,
    StateSet,
    StateSwap,
    StateUpdate,
    Store,
    Sweep,
)

TTL_S = 60.0
SWEEP = Sweep(dead_age_s=9e9, dead_count_max=9)


def keep(store: Store, key: str = "k", value: bytes = b"1", ttl_s: float | None = TTL_S) -> None:
    store.write(StateSet(group="g", key=key, value=value, ttl_s=ttl_s))


def rows(store: Store) -> tuple[float, float]:
    found = store.statistics()
    return found["rows_state"], found["rows_state_ends"]


def test_a_value_is_there_until_its_end_and_not_at_it(store: Store, clock: ManualClock) -> None:
    keep(store)
    keep(store, "stays", ttl_s=None)

    clock.advance(TTL_S - 0.001)
    assert store.state.get("g", "k") == b"1"
    assert store.state.keys("g") == ["k", "stays"]
    clock.advance(0.001)

    assert store.state.get("g", "k") is None
    assert store.state.keys("g") == ["stays"]
    assert [item.key for item in store.state.group("g")] == ["stays"]
    assert [item.key for item in store.state.items(count_max=9)] == ["stays"]


def test_a_set_begins_anew_and_a_plain_one_takes_the_end_away(
    store: Store, clock: ManualClock
) -> None:
    keep(store, "again")
    keep(store, "plain")
    clock.advance(TTL_S / 2)
    keep(store, "again")
    keep(store, "plain", ttl_s=None)

    clock.advance(TTL_S / 2)
    assert store.state.keys("g") == ["again", "plain"]
    clock.advance(TTL_S / 2)

    assert store.state.keys("g") == ["plain"]
    assert store.write(SWEEP) == 1
    assert rows(store) == (1, 0)
    clock.advance(TTL_S)
    assert store.state.get("g", "plain") == b"1"


def test_what_changes_a_value_leaves_its_end(store: Store, clock: ManualClock) -> None:
    keep(store, "n")
    keep(store, "o", b"{}")
    keep(store, "s", b"1")
    keep(store, "t", b"1")
    clock.advance(TTL_S / 2)

    store.write(StateIncrement(group="g", key="n", by=b"1"))
    store.write(StateUpdate(group="g", key="o", patch=b"{}"))
    store.write(StateSwap(group="g", key="s", expected=b"1", value=b"2"))
    store.write(StateSwap(group="g", key="t", expected=b"1", value=b"2", ttl_s=TTL_S))
    clock.advance(TTL_S / 2)

    assert store.state.keys("g") == ["t"]
    clock.advance(TTL_S / 2)
    assert store.state.keys("g") == []


def test_a_value_that_ended_counts_as_none_for_every_write(
    store: Store, clock: ManualClock
) -> None:
    for key in "abcdefgh":
        keep(store, key, b"7")
    clock.advance(TTL_S)

    assert store.write(StateIncrement(group="g", key="a", by=b"1")) == b"1"
    assert store.write(StateUpdate(group="g", key="b", patch=b"{}")) == b"{}"
    assert store.write(StateSwap(group="g", key="c", expected=b"7", value=b"8")) is None
    assert store.write(StateSwap(group="g", key="d", expected=None, value=b"8")) == b"8"
    assert store.write(StateDelete(group="g", key="e")) is None
    with pytest.raises(ConflictError):
        store.commit([StateExpect(group="g", key="f", value=b"7")]).result(10.0)
    store.commit([StateExpect(group="g", key="g", value=None)]).result(10.0)
    keep(store, "h", ttl_s=None)
    clock.advance(TTL_S)

    # What was made anew does not end with what was there before.
    assert store.state.keys("g") == ["a", "b", "d", "h"]
    assert store.write(StateClear(group="g")) == 4
    assert rows(store) == (0, 0)


def test_a_sweep_removes_what_ended_a_bounded_number_of_rows_at_a_time(
    store: Store, clock: ManualClock
) -> None:
    for number in range(5):
        keep(store, str(number))
    keep(store, "later", ttl_s=2 * TTL_S)
    sweep = Sweep(dead_age_s=9e9, dead_count_max=9, rows_max=2)
    assert store.write(sweep) == 0
    clock.advance(TTL_S)

    assert rows(store) == (6, 6)
    assert [store.write(sweep) for _ in range(4)] == [2, 2, 1, 0]
    assert rows(store) == (1, 1)
    assert store.state.keys("g") == ["later"]


def test_nothing_is_left_of_a_group_whose_values_ended(store: Store, clock: ManualClock) -> None:
    before = store.statistics()
    for key in ("swept", "cleared", "deleted"):
        keep(store, key)
    store.write(StateDelete(group="g", key="deleted"))
    assert store.write(StateClear(group="g")) == 2
    keep(store, "swept")
    clock.advance(TTL_S)

    assert store.write(SWEEP) == 1

    left = store.statistics()
    assert {name: left[name] for name in left if name.startswith("rows_state")} == {
        name: before[name] for name in before if name.startswith("rows_state")
    }


def test_an_end_beyond_all_times_is_never(store: Store, clock: ManualClock) -> None:
    keep(store, ttl_s=1e11)

    clock.advance(1e9)

    assert store.write(SWEEP) == 0
    assert store.state.get("g", "k") == b"1"
