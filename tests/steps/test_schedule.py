"""When a cron step runs, and what happens when clocks change."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from motia_actors.errors import ConfigError
from motia_actors.steps.schedule import Schedule, zone_of

BERLIN = ZoneInfo("Europe/Berlin")


def at_s(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def slots(expression: str, after: str, count: int) -> list[str]:
    schedule = Schedule(expression, BERLIN)
    found: list[str] = []
    now_s = at_s(after)
    for _ in range(count):
        next_s = schedule.next_s(now_s)
        assert next_s is not None
        found.append(datetime.fromtimestamp(next_s, BERLIN).isoformat())
        now_s = next_s
    return found


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("0 9 * * 1-5", "2026-01-01T09:00:00+01:00"),
        ("30 5 * * TUE", "2026-01-06T05:30:00+01:00"),
        ("0 0 1 MAR *", "2026-03-01T00:00:00+01:00"),
        ("0 0 * * 7", "2026-01-04T00:00:00+01:00"),
        ("*/60 * * * *", "2026-01-01T01:00:00+01:00"),
        ("*/5 * * * * *", "2026-01-01T00:00:05+01:00"),
        ("0 0 * * * *", "2026-01-01T01:00:00+01:00"),
        ("@daily", "2026-01-02T00:00:00+01:00"),
        ("@hourly", "2026-01-01T01:00:00+01:00"),
        ("0 0 29 2 *", "2028-02-29T00:00:00+01:00"),
        ("  0 9 * * *  ", "2026-01-01T09:00:00+01:00"),
    ],
)
def test_the_first_slot_of_the_year_is(expression: str, expected: str) -> None:
    assert slots(expression, "2026-01-01T00:00:00+01:00", 1) == [expected]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("30 2 * * *", ["2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"]),
        ("0,30 2 * * *", ["2026-03-29T03:00:00+02:00", "2026-03-30T02:00:00+02:00"]),
        ("0 2,3 * * *", ["2026-03-29T03:00:00+02:00", "2026-03-30T02:00:00+02:00"]),
        ("30 * * * *", ["2026-03-29T01:30:00+01:00", "2026-03-29T03:30:00+02:00"]),
    ],
)
def test_a_slot_that_the_clock_jumps_over_fires_once_at_the_jump(
    expression: str, expected: list[str]
) -> None:
    assert slots(expression, "2026-03-29T01:15:00+01:00", 2) == expected


def test_fixed_hours_fire_once_in_an_hour_that_comes_twice() -> None:
    assert slots("30 2 * * *", "2026-10-25T00:00:00+02:00", 2) == [
        "2026-10-25T02:30:00+02:00",
        "2026-10-26T02:30:00+01:00",
    ]


def test_every_hour_fires_in_both_of_two_equal_hours() -> None:
    assert slots("30 * * * *", "2026-10-25T02:00:00+02:00", 3) == [
        "2026-10-25T02:30:00+02:00",
        "2026-10-25T02:30:00+01:00",
        "2026-10-25T03:30:00+01:00",
    ]


@pytest.mark.slow
@given(
    expression=st.sampled_from(
        ["30 2 * * *", "*/20 2,3 * * *", "*/30 * * * *", "15 30 2 * * *", "@daily", "0 3 * * SUN"]
    ),
    start_s=st.sampled_from([at_s("2026-03-28T20:00:00Z"), at_s("2026-10-24T20:00:00Z")]),
    offset_s=st.floats(0, 16 * 3600),
)
def test_looking_back_finds_what_looking_on_found(
    expression: str, start_s: float, offset_s: float
) -> None:
    schedule = Schedule(expression, BERLIN)

    next_s = schedule.next_s(start_s + offset_s)
    assert next_s is not None
    last_s = schedule.last_s(start_s + offset_s)
    assert last_s is not None

    assert last_s <= start_s + offset_s < next_s
    assert schedule.next_s(last_s) == next_s
    assert schedule.last_s(next_s) == next_s
    assert schedule.last_s(next_s - 1) == last_s


def test_the_zone_moves_the_slots() -> None:
    after_s = at_s("2026-01-01T00:00:00Z")

    there = Schedule("0 9 * * *", "Asia/Tokyo").next_s(after_s)

    assert there == at_s("2026-01-02T00:00:00Z")
    assert Schedule("0 9 * * *", UTC).next_s(after_s) == at_s("2026-01-01T09:00:00Z")


def test_without_a_zone_the_machine_s_own_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")

    assert zone_of(None) == ZoneInfo("Asia/Tokyo")


def test_a_machine_whose_zone_is_unknown_is_on_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Moon/Base")
    monkeypatch.setattr(Path, "resolve", lambda self: self)

    assert zone_of(None) == UTC


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "* * *",
        "* * * * * * *",
        "61 * * * *",
        "x * * * *",
        "*/0 * * * *",
        "* * * * FOO",
        "@reboot",
        "@every 5m",
        "R * * * *",
        "H * * * *",
        "0 0 31 2 *",
        "0 0 30 2 *",
        "* * 32 * *",
    ],
)
def test_a_bad_expression_is_named_with_a_good_one(expression: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Schedule(expression, UTC)

    assert caught.value.field == "cron"
    assert repr(expression) in str(caught.value)
    assert "0 9 * * 1-5" in caught.value.way_out


@pytest.mark.parametrize("name", ["", "Moon", "../etc/passwd", "/etc/passwd", "Europe"])
def test_a_bad_zone_is_named_with_a_good_one(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Schedule("@daily", name)

    assert caught.value.field == "infrastructure.cron.timezone"
    assert "Europe/Berlin" in caught.value.way_out
