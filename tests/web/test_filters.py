from __future__ import annotations

from typing import Any

import pytest

from motia_actors.web.filters import OPERATIONS, holds, problem_of_filter, type_of

VALUE = {"n": 5, "s": "hello", "l": [1, "a"], "t": True, "z": None}


@pytest.mark.parametrize(
    ("key", "operation", "wanted", "expected"),
    [
        ("n", "eq", 5, True),
        ("n", "eq", "5", False),
        ("t", "eq", 1, False),
        ("n", "neq", 6, True),
        ("n", "neq", 5, False),
        ("n", "gt", 4, True),
        ("n", "gt", 5, False),
        ("n", "gt", "4", False),
        ("t", "gt", 0, False),
        ("s", "gt", "hallo", True),
        ("n", "gte", 5, True),
        ("n", "gte", 6, False),
        ("n", "lt", 6, True),
        ("n", "lt", 5, False),
        ("n", "lte", 5, True),
        ("n", "lte", 4, False),
        ("s", "contains", "ell", True),
        ("s", "contains", 1, False),
        ("l", "contains", "a", True),
        ("l", "contains", True, False),
        ("n", "contains", 5, False),
        ("s", "notContains", "x", True),
        ("s", "notContains", "h", False),
        ("s", "startsWith", "he", True),
        ("s", "startsWith", "lo", False),
        ("s", "endsWith", "lo", True),
        ("n", "endsWith", "5", False),
        ("n", "isNotNull", None, True),
        ("z", "isNotNull", None, False),
        ("z", "isNull", None, True),
        ("missing", "isNull", None, True),
        ("n", "isNull", None, False),
    ],
)
def test_an_operation_holds_or_not(key: str, operation: str, wanted: Any, expected: bool) -> None:
    condition = {"valueKey": key, "operation": operation, "value": wanted}

    assert holds([condition], VALUE) is expected


def test_all_conditions_must_hold_and_none_always_do() -> None:
    good = {"valueKey": "n", "operation": "eq", "value": 5}
    bad = {"valueKey": "n", "operation": "eq", "value": 6}

    assert holds([good, good], VALUE)
    assert not holds([good, bad], VALUE)
    assert holds([], "anything")


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_operation_takes_any_value(operation: str) -> None:
    assert not problem_of_filter([{"valueKey": "a", "operation": operation}])
    values: list[object] = [None, True, 1, 1.5, "x", [], {}]
    for held in values:
        for wanted in values:
            condition = {"valueKey": "a", "operation": operation, "value": wanted}
            assert holds([condition], {"a": held}) in (True, False)


@pytest.mark.parametrize(
    "conditions",
    [{}, "x", [1], [{}], [{"valueKey": 1, "operation": "eq"}],
     [{"valueKey": "a", "operation": "like"}], [{"valueKey": "a", "operation": []}]],
)  # fmt: skip
def test_a_malformed_filter_has_a_problem(conditions: object) -> None:
    assert problem_of_filter(conditions)


def test_types_have_javascripts_names() -> None:
    values: list[object] = [None, True, "x", 1, 1.5, [], {}]

    assert [type_of(value) for value in values] == [
        "null", "boolean", "string", "number", "number", "array", "object"
    ]  # fmt: skip
