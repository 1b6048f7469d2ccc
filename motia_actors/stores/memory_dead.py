"""The dead letters and dedupe keys of the memory store."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from motia_actors.clock import Clock
from motia_actors.messages import DeadLetter, Event
from motia_actors.store import Sweep
from motia_actors.stores import letters


class Buried(msgspec.Struct, frozen=True, kw_only=True):
    """A dead letter, and what its delivery needs to be queued again."""

    number: int
    letter: DeadLetter
    fifo_group: str | None
    is_scheduled: bool
    burst: str | None


class Graveyard:
    """Dead letters, oldest first. Each change puts what takes it back into undo."""

    def __init__(self, undo: list[Callable[[], object]]) -> None:
        self._undo = undo
        self._buried: dict[int, Buried] = {}

    def add(self, buried: Buried) -> None:
        """Keep one."""
        self._buried[buried.number] = buried
        self._undo.append(lambda: self._buried.pop(buried.number))

    def of(self, step: str, ids: Sequence[str] | None = None) -> list[Buried]:
        """List those of a step, or those of them with one of the ids."""
        mine = [one for one in self._buried.values() if one.letter.step == step]
        return [one for one in mine if ids is None or one.letter.id in ids]

    def page(self, step: str, *, after_id: str | None) -> list[DeadLetter]:
        """List those of a step that come after a number."""
        after = 0 if after_id is None else letters.number_of(after_id)
        return [one.letter for one in self.of(step) if after is not None and one.number > after]

    def steps(self) -> set[str]:
        """List the steps that have one."""
        return {one.letter.step for one in self._buried.values()}

    def remove(self, chosen: Sequence[Buried]) -> int:
        """Forget some; answers how many."""
        before = dict(self._buried)
        for one in chosen:
            del self._buried[one.number]
        self._undo.append(lambda: self._buried.update(before))
        self._undo.append(self._buried.clear)
        return len(chosen)

    def expired(self, write: Sweep, *, now_s: float) -> list[Buried]:
        """List those that are too old, or too many for their step."""
        found: list[Buried] = []
        for step in sorted(self.steps()):
            mine = self.of(step)
            for index, one in enumerate(mine):
                is_too_old = one.letter.died_s <= now_s - write.dead_age_s
                if not is_too_old and len(mine) - index <= write.dead_count_max:
                    break
                found.append(one)
        return found

    def __len__(self) -> int:
        return len(self._buried)


class Dedupes:
    """Which event stands for a topic and key, and until when."""

    def __init__(self, clock: Clock, undo: list[Callable[[], object]]) -> None:
        self._clock, self._undo = clock, undo
        self._standing: dict[tuple[str, str], tuple[float, str]] = {}

    def standing(self, topic: str, key: str) -> str | None:
        """The id of the event that stands for the pair now."""
        end_s, event_id = self._standing.get((topic, key), (0.0, ""))
        return event_id if end_s > self._clock.now_s() else None

    def stand(self, event: Event, key: str, *, window_s: float) -> None:
        """Let the event stand for its topic and the key from now on."""
        before = self._standing.get((event.topic, key))
        self._standing[event.topic, key] = (self._clock.now_s() + window_s, event.id)
        if before is None:
            self._undo.append(lambda: self._standing.pop((event.topic, key)))
        else:
            self._undo.append(lambda: self._standing.__setitem__((event.topic, key), before))

    def sweep(self, *, rows_max: int) -> int:
        """Forget up to rows_max pairs that nothing stands for any more; answers how many."""
        now_s = self._clock.now_s()
        ended = [pair for pair, (end_s, _) in self._standing.items() if end_s <= now_s]
        ended.sort(key=lambda pair: self._standing[pair])
        before = dict(self._standing)
        self._undo.append(lambda: self._standing.update(before))
        for pair in ended[:rows_max]:
            del self._standing[pair]
        return len(ended[:rows_max])

    def __len__(self) -> int:
        return len(self._standing)
