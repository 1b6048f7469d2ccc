"""Read what a handler passes to its context: keys, times, and how an event is to be queued.

Whatever is wrong is a UsageError at the call that shows what to write.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import msgspec

from motia_actors.errors import UsageError
from motia_actors.payload import decode, encode

DEDUPE_WINDOW_S = 120.0

# The last second that a datetime can hold. What is later was meant as milliseconds.
_TIME_S_MAX = 253_402_300_799.0


class Queueing(msgspec.Struct, frozen=True, kw_only=True):
    """How an event is queued, besides what it is; times as in `EventPut`."""

    dedupe_key: str | None = None
    dedupe_window_s: float = DEDUPE_WINDOW_S
    not_before_s: float | None = None


def queueing(event: Mapping[str, Any], *, now_s: float) -> Queueing:
    """Read `dedupeKey, dedupeWindow, delay` and `at` of an emit; None counts as left out.

    Raises:
        UsageError: one of them is of a wrong type or out of its range, or has a wrong companion.
    """
    key, window = event.get("dedupeKey"), event.get("dedupeWindow")
    delay, at = event.get("delay"), event.get("at")
    if window is not None and key is None:
        raise UsageError("dedupeWindow is for a dedupeKey; write emit({'dedupeKey': …, …})")
    if delay is not None and at is not None:
        raise UsageError("emit got both delay and at; write one of them")
    not_before_s = None
    if delay is not None:
        not_before_s = now_s + _seconds("delay", delay)
    elif at is not None:
        not_before_s = time_s("at", at)
    return Queueing(
        dedupe_key=None if key is None else key_text("dedupeKey", key),
        dedupe_window_s=DEDUPE_WINDOW_S if window is None else _seconds("dedupeWindow", window),
        not_before_s=not_before_s,
    )


def time_s(what: str, value: object) -> float:
    """Read a point in time, in seconds since 1970: ISO 8601 text, a datetime, or a number.

    Raises:
        UsageError: it is none of these, or does not say of which place on earth.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        if not (math.isfinite(value) and value <= _TIME_S_MAX):
            raise UsageError(f"{what} is {briefly(value)}; write seconds since 1970")
        return float(value)
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise UsageError(
                f"{what} is {briefly(value)}; write ISO 8601, such as '2030-01-31T08:00:00+01:00'"
            ) from None
    if not isinstance(value, datetime):
        day = "a day" if isinstance(value, date) else briefly(value)
        raise UsageError(f"{what} is {day}; write a datetime, ISO 8601 text or seconds since 1970")
    if value.utcoffset() is None:
        raise UsageError(
            f"{what} is {value.isoformat()}, which is another moment in every time zone; write an "
            f"offset, such as '{value.isoformat()}+00:00' or datetime.now(UTC)"
        )
    return value.timestamp()


def ttl_s(value: object) -> float | None:
    """Read how many seconds a value is to live; None is for ever."""
    if value is None:
        return None
    seconds = _seconds("ttl", value)
    if not seconds:
        raise UsageError(f"ttl is {briefly(value)}; write seconds, more than 0")
    return seconds


def number(what: str, value: object) -> int | float:
    """Read a number that JSON can hold."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or (isinstance(value, float) and not math.isfinite(value)):
        raise UsageError(f"{what} is {briefly(value)}; write a number")
    return value  # type: ignore[return-value] # is a number


def fields_of(value: object, *, of: str, right: str) -> dict[str, Any]:
    """Read an object: a dict, or what is one as JSON. `of` takes objects, and `right` is how."""
    fields = value if isinstance(value, dict) else decode(encode(value))
    if not isinstance(fields, dict):
        raise UsageError(f"{of} objects, not {briefly(value)}; write {right}")
    return fields


def key_text(what: str, value: object) -> str:
    """Write a key as text; numbers and None read as JavaScript would write them, as in Motia."""
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, dict | list | set | tuple):
        raise UsageError(f"{what} must be a text, not {briefly(value)}")
    return str(value)


def briefly(value: object) -> str:
    """Value as it goes into a message: short, whatever it is."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:79]}…"


def _seconds(what: str, value: object) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 <= value <= _TIME_S_MAX:  # type: ignore[operator] # is a number
        raise UsageError(f"{what} is {briefly(value)}; write seconds, from 0 on")
    return float(value)  # type: ignore[arg-type] # is a number
