"""What every store promises of state."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from motia_actors.clock import ManualClock
from motia_actors.errors import ConflictError, PayloadTooLargeError
from motia_actors.store import (
    StateClear,
    StateDelete,
    StateExpect,
    StateItem,
    StateSet,
    Store,
)
from tests.conformance.conftest import VALUE_BYTES_MAX, StoreMaker

TEXT = st.one_of(
    st.text(max_size=6),
    st.sampled_from(["", "\0", "a", "a\0", "ab", "x" * 511, "x" * 512, "x" * 513, "é" * 600]),
)


def keep(store: Store, group: str, key: str, value: bytes = b"1") -> None:
    store.write(StateSet(group=group, key=key, value=value))


def test_a_value_is_read_back_and_written_over(store: Store) -> None:
    keep(store, "g", "k", b"1")
    keep(store, "g", "k", b"22")

    assert store.state.get("g", "k") == b"22"
    assert store.state.get("g", "other") is None
    assert store.state.get("other", "k") is None


def test_delete_answers_what_there_was(store: Store) -> None:
    keep(store, "g", "k", b"1")

    assert store.write(StateDelete(group="g", key="k")) == b"1"
    assert store.write(StateDelete(group="g", key="k")) is None
    assert store.state.get("g", "k") is None
    assert store.state.items(count_max=10) == []


def test_clear_removes_exactly_one_group_and_answers_how_many(store: Store) -> None:
    for group, key in [("a", "1"), ("a", "2"), ("ab", "1"), ("", "1")]:
        keep(store, group, key)

    assert store.write(StateClear(group="a")) == 2
    assert store.write(StateClear(group="a")) == 0
    assert [item.group for item in store.state.items(count_max=10)] == ["", "ab"]


def test_items_are_sorted_by_group_and_key_and_bounded(store: Store) -> None:
    for group, key in [("b", "1"), ("a", "2"), ("a", "10")]:
        keep(store, group, key)

    items = store.state.items(count_max=2)

    assert [(item.group, item.key) for item in items] == [("a", "10"), ("a", "2")]
    assert store.state.items(count_max=0) == []


def test_a_value_at_its_limit_is_kept_and_one_byte_more_refused(store: Store) -> None:
    keep(store, "g", "k", b"x" * VALUE_BYTES_MAX)

    with pytest.raises(PayloadTooLargeError) as caught:
        keep(store, "g", "k", b"y" * (VALUE_BYTES_MAX + 1))

    assert caught.value.size_bytes == VALUE_BYTES_MAX + 1
    assert store.state.get("g", "k") == b"x" * VALUE_BYTES_MAX


def test_an_empty_value_is_a_value(store: Store) -> None:
    keep(store, "g", "k", b"")

    assert store.state.get("g", "k") == b""
    assert store.state.group("g") == [StateItem(group="g", key="k", value=b"")]


def test_any_text_is_a_key_even_half_a_surrogate_pair(store: Store) -> None:
    keep(store, "\ud800", "\udfff")

    assert store.state.group("\ud800") == [StateItem(group="\ud800", key="\udfff", value=b"1")]


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.dictionaries(st.tuples(TEXT, TEXT), st.binary(max_size=4), max_size=8))
def test_state_is_a_dict_whatever_the_keys(
    make_store: StoreMaker, values: dict[tuple[str, str], bytes]
) -> None:
    with make_store(ManualClock()) as store:
        store.commit(
            [StateSet(group=g, key=k, value=value) for (g, k), value in values.items()]
        ).result(10.0)

        expected = [
            StateItem(group=g, key=k, value=value)
            for (g, k), value in sorted(
                values.items(), key=lambda row: (row[0][0].encode(), row[0][1].encode())
            )
        ]
        assert store.state.items(count_max=100) == expected
        for group in {g for g, _ in values}:
            assert store.state.group(group) == [i for i in expected if i.group == group]
        for (g, k), value in values.items():
            assert store.state.get(g, k) == value


def test_a_commit_that_expects_what_is_there_is_kept(store: Store) -> None:
    keep(store, "g", "k", b"1")

    store.commit(
        [
            StateExpect(group="g", key="k", value=b"1"),
            StateExpect(group="g", key="none", value=None),
            StateSet(group="g", key="k", value=b"2"),
        ]
    ).result(10.0)

    assert store.state.get("g", "k") == b"2"


@pytest.mark.parametrize("expected", [None, b"", b"2"])
def test_a_commit_that_expects_something_else_keeps_nothing(
    store: Store, expected: bytes | None
) -> None:
    keep(store, "g", "k", b"1")

    refused = store.commit(
        [
            StateExpect(group="g", key="k", value=expected),
            StateSet(group="g", key="k", value=b"3"),
            StateSet(group="g", key="other", value=b"3"),
        ]
    )
    other = store.commit([StateSet(group="g", key="mine", value=b"4")])

    with pytest.raises(ConflictError, match="'k'"):
        refused.result(10.0)
    other.result(10.0)
    assert [item.key for item in store.state.group("g")] == ["k", "mine"]
