"""Which values a state filter lets through: Motia's operations, as pure functions.

A filter is a list of `{"valueKey": …, "operation": …, "value": …}`, all of which must hold.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

_Test = Callable[[Any, Any], bool]


def _ordered(compare: _Test) -> _Test:
    """Compare numbers with numbers and text with text; anything else has no order."""

    def test(held: Any, wanted: Any) -> bool:
        if isinstance(held, bool) or isinstance(wanted, bool):
            return False
        if isinstance(held, int | float) and isinstance(wanted, int | float):
            return compare(held, wanted)
        return isinstance(held, str) and isinstance(wanted, str) and compare(held, wanted)

    return test


def _equal(held: Any, wanted: Any) -> bool:
    return bool(held == wanted) and isinstance(held, bool) == isinstance(wanted, bool)


def _contains(held: Any, wanted: Any) -> bool:
    if isinstance(held, str):
        return isinstance(wanted, str) and wanted in held
    return isinstance(held, list) and any(_equal(one, wanted) for one in held)


def _text(test: Callable[[str, str], bool]) -> _Test:
    return lambda held, wanted: (
        isinstance(held, str) and isinstance(wanted, str) and test(held, wanted)
    )


OPERATIONS: Mapping[str, _Test] = {
    "eq": _equal,
    "neq": lambda held, wanted: not _equal(held, wanted),
    "gt": _ordered(lambda held, wanted: held > wanted),
    "gte": _ordered(lambda held, wanted: held >= wanted),
    "lt": _ordered(lambda held, wanted: held < wanted),
    "lte": _ordered(lambda held, wanted: held <= wanted),
    "contains": _contains,
    "notContains": lambda held, wanted: not _contains(held, wanted),
    "startsWith": _text(str.startswith),
    "endsWith": _text(str.endswith),
    "isNotNull": lambda held, _: held is not None,
    "isNull": lambda held, _: held is None,
}


def problem_of_filter(conditions: object) -> str:
    """What is wrong with a filter; empty where nothing is."""
    if not isinstance(conditions, list):
        return "filter must be a list"
    for condition in conditions:
        if not isinstance(condition, dict) or not isinstance(condition.get("valueKey"), str):
            return "each condition of a filter needs a valueKey"
        operation = condition.get("operation")
        if not isinstance(operation, str) or operation not in OPERATIONS:
            return f"unknown operation {operation!r:.80}; there are {', '.join(OPERATIONS)}"
    return ""


def holds(conditions: Sequence[Mapping[str, Any]], value: object) -> bool:
    """All conditions hold for the value; a key that it does not have counts as null."""
    return all(
        OPERATIONS[condition["operation"]](
            value.get(condition["valueKey"]) if isinstance(value, dict) else None,
            condition.get("value"),
        )
        for condition in conditions
    )


def type_of(value: object) -> str:
    """The value's type in JavaScript's words."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case str():
            return "string"
        case int() | float():
            return "number"
        case list():
            return "array"
    return "object"
