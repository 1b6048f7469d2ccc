"""The state of the memory store: values, and when they end."""

from __future__ import annotations

import math
from collections.abc import Sequence

from motia_actors.clock import Clock
from motia_actors.store import (
    StateChange,
    StateClear,
    StateDelete,
    StateItem,
    StateSet,
    StateSwap,
    Write,
)
from motia_actors.stores.updates import check_changes

_NEVER = math.inf


class Values:
    """Values by group and key. The store's lock guards it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rows: dict[tuple[str, str], tuple[bytes, float]] = {}

    def get(self, place: tuple[str, str]) -> bytes | None:
        """The value, None where there is none, or it ended."""
        value, end_s = self._rows.get(place, (None, _NEVER))
        return None if end_s <= self._clock.now_s() else value

    def items(self) -> list[StateItem]:
        """All values, sorted by group and key."""
        now_s = self._clock.now_s()
        # Python orders text by code points, which is the order of its UTF-8 bytes.
        return [
            StateItem(group=group, key=key, value=value)
            for (group, key), (value, end_s) in sorted(self._rows.items())
            if end_s > now_s
        ]

    def check(self, writes: Sequence[Write[object]]) -> None:
        """Raise what one of the writes will be refused with; changes nothing."""
        check_changes(writes, self.get)

    def apply(self, write: StateSet | StateChange | StateDelete | StateClear) -> object:
        """Do the write; answers what it answers."""
        match write:
            case StateSet(group=group, key=key, value=value, ttl_s=ttl_s):
                self._rows[group, key] = value, self._end_s(ttl_s)
                return None
            case StateChange(group=group, key=key):
                return self._change(write, (group, key))
            case StateDelete(group=group, key=key):
                old = self.get((group, key))
                self._rows.pop((group, key), None)
                return old
            case StateClear(group=group):
                places = [place for place in self._rows if place[0] == group]
                count = sum(self.get(place) is not None for place in places)
                for place in places:
                    del self._rows[place]
                return count

    def sweep(self, *, rows_max: int) -> int:
        """Remove up to rows_max values that ended; answers how many."""
        now_s = self._clock.now_s()
        ended = [place for place, (_, end_s) in self._rows.items() if end_s <= now_s]
        for place in ended[: max(0, rows_max)]:
            del self._rows[place]
        return len(ended[: max(0, rows_max)])

    def rows(self) -> dict[str, int]:
        """How many rows there are, by the LMDB store's names for the tables."""
        ending = sum(end_s < _NEVER for _, end_s in self._rows.values())
        return {"state": len(self._rows), "state_ends": ending}

    def _change(self, write: StateChange, place: tuple[str, str]) -> bytes | None:
        old = self.get(place)
        changed = write.applied_to(old)
        if changed is not None:
            end_s = _NEVER if old is None else self._rows[place][1]
            if isinstance(write, StateSwap) and write.ttl_s is not None:
                end_s = self._end_s(write.ttl_s)
            self._rows[place] = changed, end_s
        return changed

    def _end_s(self, ttl_s: float | None) -> float:
        return _NEVER if ttl_s is None else self._clock.now_s() + ttl_s
