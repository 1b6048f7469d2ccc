"""What this process holds: each delivery that it was given, and how many there are for a step."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from motia_actors.actors.work import Work
from motia_actors.messages import Delivery, Trace
from motia_actors.promise import Promise

if TYPE_CHECKING:
    from motia_actors.actors.ports import Port


class Hold:
    """One delivery in our hands: its lease changes with every renewal."""

    __slots__ = ("delivery", "port", "renew_s", "renewal", "taken_s", "trace", "work")

    work: Work
    """Set as soon as it is made: its answer is for this hold."""

    def __init__(
        self, port: Port, delivery: Delivery, *, trace: Trace, taken_s: float, renew_s: float
    ) -> None:
        self.port, self.delivery, self.trace = port, delivery, trace
        self.taken_s, self.renew_s = taken_s, renew_s
        """By the clock that never goes back."""
        self.renewal: Promise[None] | None = None
        """On its way to the disk; the delivery must not be ended before it is known."""


class Held:
    """What is held for one step. Each change is a single step that needs no lock."""

    __slots__ = ("_reserved", "holds")

    def __init__(self) -> None:
        self.holds: set[Hold] = set()
        self._reserved: deque[None] = deque()

    @property
    def count(self) -> int:
        """How many are held, or on their way."""
        # In this order: what comes into our hands between the two looks counts twice, not never.
        reserved = len(self._reserved)
        return reserved + len(self.holds)

    def reserve(self) -> None:
        """Count one more, which is on its way."""
        self._reserved.append(None)

    def give_up(self) -> None:
        """It is not on its way any more."""
        self._reserved.pop()
