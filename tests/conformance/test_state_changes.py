"""What every store promises of values that are changed in one step."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from motia_actors.clock import ManualClock
from motia_actors.errors import PayloadTooLargeError, UsageError
from motia_actors.payload import decode, encode
from motia_actors.store import (
    StateChange,
    StateClear,
    StateDelete,
    StateIncrement,
    StateSet,
    StateSwap,
    StateUpdate,
    Store,
    Sweep,
)
from tests.conformance.conftest import VALUE_BYTES_MAX

THREADS, TIMES = 4, 25


def keep(store: Store, value: bytes, key: str = "k") -> None:
    store.write(StateSet(group="g", key=key, value=value))


def increment(store: Store, by: bytes = b"1") -> bytes | None:
    return store.write(StateIncrement(group="g", key="k", by=by))


def update(store: Store, patch: bytes) -> bytes | None:
    return store.write(StateUpdate(group="g", key="k", patch=patch))


def swap(store: Store, expected: bytes | None, value: bytes) -> bytes | None:
    return store.write(StateSwap(group="g", key="k", expected=expected, value=value))


def test_an_increment_begins_at_0_and_answers_the_sum(store: Store) -> None:
    answers = [increment(store), increment(store, b"41"), increment(store, b"-2"), increment(store)]

    assert answers == [b"1", b"42", b"40", b"41"]
    assert increment(store, b"0.5") == b"41.5"
    assert store.state.get("g", "k") == b"41.5"
    assert store.state.keys("g") == ["k"]


def test_a_number_of_any_size_is_counted_exactly(store: Store) -> None:
    keep(store, b"9007199254740993")

    assert increment(store) == b"9007199254740994"
    assert increment(store, b"1" + b"0" * 30) == b"1000000000000009007199254740994"


def test_nobodys_increment_is_lost_among_threads(store: Store) -> None:
    def count(_: int) -> list[bytes | None]:
        return [increment(store) for _ in range(TIMES)]

    with ThreadPoolExecutor(THREADS) as pool:
        answers = [answer for counted in pool.map(count, range(THREADS)) for answer in counted]

    assert store.state.get("g", "k") == b"%d" % (THREADS * TIMES)
    assert len(set(answers)) == THREADS * TIMES


def test_a_sum_that_is_too_long_to_be_written_is_refused(store: Store) -> None:
    longest = b"9" * 4300  # As much as Python reads and writes.
    assert increment(store, longest[:1900]) == longest[:1900]
    change = StateIncrement(group="g", key="k", by=b"1")

    with pytest.raises(UsageError, match="with 1 more is too large"):
        change.applied_to(longest)


def test_an_update_merges_the_fields_of_an_object_and_begins_with_none(store: Store) -> None:
    assert update(store, b'{"a":1,"in":{"x":1}}') == b'{"a":1,"in":{"x":1}}'
    assert update(store, b'{"b":null,"in":{"y":2}}') == b'{"a":1,"in":{"y":2},"b":null}'
    assert store.state.get("g", "k") == b'{"a":1,"in":{"y":2},"b":null}'


def test_null_counts_as_nothing(store: Store) -> None:
    for change in (
        StateIncrement(group="g", key="k", by=b"2"),
        StateUpdate(group="g", key="k", patch=b"{}"),
        StateSwap(group="g", key="k", expected=None, value=b"1"),
    ):
        keep(store, b"null")
        assert store.write(change) is not None


@pytest.mark.parametrize(
    ("stored", "expected", "is_same"),
    [
        (None, None, True),
        (None, b"0", False),
        (b"1", None, False),
        (b"1", b"1", True),
        (b"1", b"1.0", True),
        (b"1", b"true", False),
        (b'{"a":1,"b":[1.0]}', b'{"b":[1],"a":1}', True),
        (b"[1,2]", b"[2,1]", False),
        (b'"1"', b"1", False),
        (b"no JSON", b"1", False),
    ],
)
def test_a_swap_happens_where_the_value_is_as_expected(
    store: Store, stored: bytes | None, expected: bytes | None, is_same: bool
) -> None:
    if stored is not None:
        keep(store, stored)

    assert swap(store, expected, b'"new"') == (b'"new"' if is_same else None)
    assert store.state.get("g", "k") == (b'"new"' if is_same else stored)


def test_of_threads_that_swap_the_same_value_one_wins(store: Store) -> None:
    keep(store, b"0")

    with ThreadPoolExecutor(THREADS) as pool:
        won = list(pool.map(lambda number: swap(store, b"0", b"%d" % number), range(1, 9)))

    assert [one for one in won if one is not None] == [store.state.get("g", "k")]


@pytest.mark.parametrize(
    ("stored", "change", "said"),
    [
        (b'"7"', StateIncrement(group="g", key="k", by=b"1"), 'holds "7", which is no number'),
        (b"true", StateIncrement(group="g", key="k", by=b"1"), "holds true, which is no number"),
        (b"1e308", StateIncrement(group="g", key="k", by=b"1e308"), "too large for a number"),
        (b"1" + b"0" * 400, StateIncrement(group="g", key="k", by=b"0.5"), "too large"),
        (
            b"9" * 1900,
            StateIncrement(group="g", key="k", by=b"1e308"),
            "with 1e308 more is too large",
        ),
        (b"[1]", StateUpdate(group="g", key="k", patch=b"{}"), r"\[1\], which is no object"),
        (b"{", StateUpdate(group="g", key="k", patch=b"{}"), "which is no JSON"),
        (b"\xff", StateIncrement(group="g", key="k", by=b"1"), "which is no JSON"),
        (b"", StateIncrement(group="g", key="k", by=b"1"), "which is no JSON"),
    ],
)
def test_a_value_of_a_wrong_kind_is_refused_by_its_place_and_left_alone(
    store: Store, stored: bytes, change: StateChange, said: str
) -> None:
    keep(store, stored)

    with pytest.raises(UsageError, match=said) as caught:
        store.write(change)

    assert "'g', 'k'" in str(caught.value)
    assert store.state.get("g", "k") == stored


def test_a_commit_with_a_change_that_is_refused_keeps_nothing_and_harms_no_other(
    store: Store,
) -> None:
    keep(store, b"1")
    refused = store.commit(
        [
            StateSet(group="g", key="a", value=b"1"),
            StateClear(group="g"),
            StateIncrement(group="g", key="k", by=b"1"),
            StateSet(group="g", key="k", value=b'"x"'),
            StateIncrement(group="g", key="k", by=b"1"),
        ]
    )
    other = store.commit([StateIncrement(group="h", key="k", by=b"5")])

    with pytest.raises(UsageError, match='"x"'):
        refused.result(10.0)

    assert other.result(10.0) == [b"5"]
    assert store.state.keys("g") == ["k"]
    assert store.state.get("g", "k") == b"1"


def test_changes_of_one_commit_go_over_each_other(store: Store) -> None:
    answers = store.commit(
        [
            StateIncrement(group="g", key="k", by=b"2"),
            StateSwap(group="g", key="k", expected=b"2", value=b"{}"),
            StateUpdate(group="g", key="k", patch=b'{"a":1}'),
            StateDelete(group="g", key="k"),
            StateIncrement(group="g", key="k", by=b"3"),
        ]
    ).result(10.0)

    assert answers == [b"2", b"{}", b'{"a":1}', b'{"a":1}', b"3"]


def test_a_patch_over_the_limit_is_refused(store: Store) -> None:
    patch = encode({"a": "x" * VALUE_BYTES_MAX})

    with pytest.raises(PayloadTooLargeError):
        update(store, patch)


def test_an_object_that_grows_over_the_limit_is_refused_and_left_alone(store: Store) -> None:
    keep(store, b'{"a":1}')
    at_limit = StateUpdate(group="g", key="k", patch=b'{"b":2}', bytes_max=13)

    with pytest.raises(PayloadTooLargeError, match="'g', 'k' has 13 bytes, over the limit of 12"):
        store.write(StateUpdate(group="g", key="k", patch=b'{"b":2}', bytes_max=12))

    assert store.state.get("g", "k") == b'{"a":1}'
    assert store.write(at_limit) == b'{"a":1,"b":2}'


def test_keys_are_those_of_one_group_in_their_order(store: Store) -> None:
    for key in ("b", "é", "a", ""):
        keep(store, b"1", key)
    store.write(StateSet(group="ge", key="other", value=b"1"))

    assert store.state.keys("g") == ["", "a", "b", "é"]
    assert store.state.keys("none") == []


VALUES: st.SearchStrategy[Any] = st.sampled_from(
    [None, 0, 1, 1.5, -3, True, "", "text", [], {}, {"a": 1}, {"b": None}]
)
KEYS = st.sampled_from(["a", "b"])
TTLS = st.sampled_from([None, 2.0, 7.0])
SWEEP = Sweep(dead_age_s=9e9, dead_count_max=9)


def text_of(value: object) -> str:
    whole = int(value) if isinstance(value, float) and value.is_integer() else value
    return json.dumps(whole, sort_keys=True)


class ValuesMachine(RuleBasedStateMachine):
    """One group, beside a dict; empty at the beginning and at the end."""

    def __init__(self, store: Store, clock: ManualClock) -> None:
        super().__init__()
        self.store, self.clock = store, clock
        self.model: dict[str, Any] = {}
        self.ends: dict[str, float] = {}

    def teardown(self) -> None:
        self.store.write(StateClear(group="g"))

    def live(self, key: str, ttl_s: float | None) -> None:
        if ttl_s is not None:
            self.ends[key] = self.clock.now_s() + ttl_s

    @rule(key=KEYS, value=VALUES, ttl_s=TTLS)
    def set(self, key: str, value: object, ttl_s: float | None) -> None:
        self.store.write(StateSet(group="g", key=key, value=encode(value), ttl_s=ttl_s))
        self.model[key] = value
        self.ends.pop(key, None)
        self.live(key, ttl_s)

    @rule(key=KEYS)
    def delete(self, key: str) -> None:
        answer = self.store.write(StateDelete(group="g", key=key))
        assert (answer is not None) == (key in self.model)
        self.model.pop(key, None)
        self.ends.pop(key, None)

    @rule()
    def clear(self) -> None:
        assert self.store.write(StateClear(group="g")) == len(self.model)
        self.model, self.ends = {}, {}

    @rule(seconds=st.sampled_from([1.0, 5.0]))
    def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)
        for key in [key for key, end_s in self.ends.items() if end_s <= self.clock.now_s()]:
            del self.model[key], self.ends[key]

    @rule()
    def sweep(self) -> None:
        self.store.write(SWEEP)
        assert self.store.statistics()["rows_state"] == len(self.model)
        assert self.store.statistics()["rows_state_ends"] == len(self.ends)

    @rule(key=KEYS, by=st.sampled_from([1, -2, 0.5]))
    def increment(self, key: str, by: float) -> None:
        old = self.model.get(key)
        if old is not None and (isinstance(old, bool) or not isinstance(old, int | float)):
            with pytest.raises(UsageError):
                self.store.write(StateIncrement(group="g", key=key, by=encode(by)))
            return
        self.model[key] = (old or 0) + by
        answer = self.store.write(StateIncrement(group="g", key=key, by=encode(by)))
        assert decode(answer or b"") == self.model[key]

    @rule(key=KEYS, patch=st.sampled_from([{}, {"a": 2}, {"a": None, "c": [1]}]))
    def update(self, key: str, patch: dict[str, Any]) -> None:
        old = self.model.get(key)
        write = StateUpdate(group="g", key=key, patch=encode(patch))
        if old is not None and not isinstance(old, dict):
            with pytest.raises(UsageError):
                self.store.write(write)
            return
        self.model[key] = {**(old or {}), **patch}
        assert decode(self.store.write(write) or b"") == self.model[key]

    @rule(key=KEYS, expected=VALUES, value=VALUES, ttl_s=TTLS)
    def swap(self, key: str, expected: object, value: object, ttl_s: float | None) -> None:
        is_same = text_of(self.model.get(key)) == text_of(expected)
        write = StateSwap(
            group="g", key=key, expected=encode(expected), value=encode(value), ttl_s=ttl_s
        )
        assert (self.store.write(write) is not None) == is_same
        if is_same:
            self.model[key] = value
            self.live(key, ttl_s)

    @invariant()
    def is_alike(self) -> None:
        found = {item.key: decode(item.value) for item in self.store.state.group("g")}
        assert found == self.model
        assert self.store.state.keys("g") == sorted(self.model)


@pytest.mark.slow
def test_values_behave_like_a_dicts_whatever_is_done_to_them(
    store: Store, clock: ManualClock
) -> None:
    class Machine(ValuesMachine):
        def __init__(self) -> None:
            super().__init__(store, clock)

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=40,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
