"""Say when a cron step runs: five fields, six with leading seconds, `@daily` and its kin.

Times are those of the step's zone. When clocks change, a schedule whose hours are fixed
(`30 2 * * *`) fires once a day all the same: a slot in the hour that is left out fires at the
moment the clock jumps, and of an hour that comes twice the first one counts. A schedule for
every hour (`*/30 * * * *`) follows real time: nothing extra in the gap, and both of the
repeated hours.

As in cron, day of month and day of week are alternatives where both are given.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

from croniter import CroniterError, croniter

from motia_actors.errors import ConfigError

EXAMPLE = 'write five fields such as "0 9 * * 1-5", or six with leading seconds'
TIMEZONE_FIELD = "infrastructure.cron.timezone"
NICKNAMES = ("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly")


class Schedule:
    """The slots of one cron expression. Any thread may ask.

    Args:
        expression: As in the step's config.
        timezone: A zone, or its name such as `Europe/Berlin`; None is the machine's own.

    Raises:
        ConfigError: the expression or the zone is malformed, or the date never comes.
    """

    def __init__(self, expression: str, timezone: str | tzinfo | None = None) -> None:
        self.expression = expression.strip()
        self.zone = timezone if isinstance(timezone, tzinfo) else zone_of(timezone)
        _check_shape(self.expression)
        try:
            fields = self._from(datetime(2000, 1, 1)).expanded  # noqa: DTZ001 (a wall time)
        except (CroniterError, ValueError, KeyError, IndexError) as error:
            raise ConfigError("cron", f"{expression!r}: {error}", way_out=EXAMPLE) from error
        self._is_every_hour = fields[1] == ["*"]
        if self.next_s(0.0) is None:
            raise ConfigError(
                "cron", f"{expression!r} names a date that never comes", way_out=EXAMPLE
            )

    def next_s(self, after_s: float) -> float | None:
        """The first slot after after_s, in seconds since 1970; None: there is none."""
        iterator = self._from(self._wall(datetime.fromtimestamp(after_s, self.zone)))
        return self._first(iterator.get_next, lambda slot_s: slot_s > after_s)

    def last_s(self, before_or_at_s: float) -> float | None:
        """The last slot up to and at before_or_at_s; None: there is none."""
        # A second later, as croniter looks strictly back and the moment itself counts.
        here = datetime.fromtimestamp(int(before_or_at_s) + 1, self.zone)
        wall = self._wall(here)
        if not self._is_every_hour:
            # In the second of two equal hours, all slots of the first have been.
            wall += _repeated(here)
        return self._first(self._from(wall).get_prev, lambda slot_s: slot_s <= before_or_at_s)

    def _first(
        self,
        move: Callable[[type[datetime]], datetime],
        is_right: Callable[[float], bool],
    ) -> float | None:
        while True:
            try:
                slot_s = self._instant_s(move(datetime))
            except CroniterError:
                return None
            if is_right(slot_s):
                return slot_s

    def _wall(self, at: datetime) -> datetime:
        return at if self._is_every_hour else at.replace(tzinfo=None)

    def _from(self, start: datetime) -> croniter:
        return croniter(
            self.expression, start, second_at_beginning=len(self.expression.split()) == 6
        )

    def _instant_s(self, slot: datetime) -> float:
        if slot.tzinfo is not None:
            return slot.timestamp()
        early = slot.replace(tzinfo=self.zone, fold=0)
        if _offset(early) < _offset(late := early.replace(fold=1)):
            return _jump_s(late, early, self.zone)
        return early.timestamp()


def zone_of(name: str | None) -> tzinfo:
    """The zone of that name; None is the machine's own: `TZ`, else `/etc/localtime`, else UTC.

    Raises:
        ConfigError: there is no such zone.
    """
    if name is None:
        return _machine_zone()
    try:
        return ZoneInfo(name)
    except (ValueError, KeyError, OSError) as error:
        raise ConfigError(
            TIMEZONE_FIELD, f"{name!r} is no time zone", way_out='write one such as "Europe/Berlin"'
        ) from error


def _machine_zone() -> tzinfo:
    named = os.environ.get("TZ", "").removeprefix(":")
    _, _, linked = str(Path("/etc/localtime").resolve()).partition("/zoneinfo/")
    for name in (named, linked):
        try:
            if name:
                return ZoneInfo(name)
        except (ValueError, KeyError, OSError):
            continue
    return UTC


def _check_shape(expression: str) -> None:
    words = expression.split()
    if expression.startswith("@") and expression.lower() not in NICKNAMES:
        raise ConfigError(
            "cron", f"{expression!r} is none of {', '.join(NICKNAMES)}", way_out=EXAMPLE
        )
    if not expression.startswith("@") and len(words) not in (5, 6):
        raise ConfigError("cron", f"{expression!r} has {len(words)} fields", way_out=EXAMPLE)
    # Each process would draw its own times, and a slot must be the same for all of them.
    if any(word[0] in "RHrh" for word in words):
        raise ConfigError("cron", f"{expression!r} asks for random times", way_out=EXAMPLE)


def _offset(at: datetime) -> timedelta:
    return at.utcoffset() or timedelta(0)


def _repeated(at: datetime) -> timedelta:
    """How much wall time around at comes twice; nothing unless at is in its second run."""
    return _offset(at.replace(fold=0)) - _offset(at) if at.fold else timedelta(0)


def _jump_s(before: datetime, after: datetime, zone: tzinfo) -> float:
    """The moment between two when the zone's offset changes, to the second."""
    low_s, high_s = int(before.timestamp()), int(after.timestamp())
    offset = _offset(datetime.fromtimestamp(high_s, zone))
    while high_s - low_s > 1:
        middle_s = (low_s + high_s) // 2
        if _offset(datetime.fromtimestamp(middle_s, zone)) == offset:
            high_s = middle_s
        else:
            low_s = middle_s
    return float(high_s)
