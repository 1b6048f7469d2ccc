"""The clock actor under a wall clock that leaps: set by hand, by NTP, or by a long sleep."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from motia_actors.clock import Clock, ManualClock
from motia_actors.messages import Call
from motia_actors.stores.memory import MemoryStore
from tests.actors.rig import Rig, plan, running

HOUR_S = 3600.0
NOON_S = 1_700_006_400.0  # A full hour in UTC.
TICK = "steps/tick_step.py"


class WallClock(Clock):
    """A wall clock that is set at will, over a monotonic one that only goes on."""

    def __init__(self, now_s: float) -> None:
        self.wall = now_s
        self.steady = ManualClock()

    def now_s(self) -> float:
        return self.wall

    def monotonic_s(self) -> float:
        return self.steady.monotonic_s()

    def pass_by(self, seconds: float) -> None:
        """Let time go its way."""
        self.wall += seconds
        self.steady.advance(seconds)

    def leap(self, seconds: float) -> None:
        """Set the wall clock."""
        self.wall += seconds


class Ticks:
    """A cron step of every minute, and the slots it fired for."""

    def __init__(self, rig: Rig, clock: WallClock, slots: list[float]) -> None:
        self._rig, self._clock, self.slots = rig, clock, slots

    def minutes(self, count: int) -> list[float]:
        """Let so many minutes pass; answers the slots fired meanwhile."""
        before = len(self.slots)
        for _ in range(count):
            self._clock.pass_by(60.0)
            self.look()
        return self.slots[before:]

    def look(self) -> None:
        self._rig.system.look()
        last = self._rig.store.events.last_slot_s(TICK)
        if last is not None and last not in self.slots[-1:]:
            self.slots.append(last)


@contextmanager
def ticking(clock: WallClock) -> Iterator[Ticks]:
    def handler(_: Call) -> None:
        """Nothing: the slots tell."""

    tick = plan(handler, name="tick", kind="cron", cron="* * * * *")
    with running(tick, clock=clock, store=MemoryStore(clock)) as rig:
        ticks = Ticks(rig, clock, [])
        ticks.look()
        yield ticks


def test_every_slot_fires_once_and_never_early() -> None:
    clock = WallClock(NOON_S - 60.0)
    with ticking(clock) as ticks:
        assert ticks.minutes(3) == [NOON_S, NOON_S + 60.0, NOON_S + 120.0]


def test_after_a_leap_ahead_the_slots_between_are_one_at_most() -> None:
    clock = WallClock(NOON_S - 60.0)
    with ticking(clock) as ticks:
        ticks.minutes(2)

        clock.leap(HOUR_S)
        ticks.look()
        leaped = ticks.slots[2:]
        after = ticks.minutes(2)

    assert len(leaped) <= 1
    assert all(slot <= clock.wall for slot in leaped)
    assert after == [NOON_S + HOUR_S + 120.0, NOON_S + HOUR_S + 180.0]


def test_after_a_leap_back_no_slot_fires_a_second_time() -> None:
    clock = WallClock(NOON_S - 60.0)
    with ticking(clock) as ticks:
        before = ticks.minutes(3)

        clock.leap(-HOUR_S)
        again = ticks.minutes(62)

    assert again, "it goes on once the hour is over"
    assert min(again) > max(before)
    assert len(set(ticks.slots)) == len(ticks.slots)
