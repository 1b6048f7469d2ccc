"""Store what a function makes of a value, and call it again where somebody else was quicker."""

from __future__ import annotations

import asyncio
import inspect
import random
from collections.abc import Callable, Generator
from typing import Any

from motia_actors.errors import ConflictError, UsageError
from motia_actors.payload import decode, encode
from motia_actors.promise import Promise
from motia_actors.runner import Effects
from motia_actors.runners.waiting import Effect, wait
from motia_actors.threads import native

TRIES_MAX = 100
"""So often the value may have been changed between a look at it and the write."""
_PAUSE_S, _PAUSE_S_MAX = 0.001, 0.05


class Swaps:
    """Tries to swap a value for what change makes of it. One thread at a time uses it."""

    __slots__ = ("_change", "_effects", "_group", "_key", "tries", "value")

    def __init__(
        self, effects: Effects, group: Any, key: Any, change: Callable[[Any], Any]
    ) -> None:
        self._effects, self._group, self._key, self._change = effects, group, key, change
        self.tries = 0
        self.value: Any = None

    def begin(self) -> Promise[bool]:
        """Call change, and begin to write what it answers; the promise says whether it counts.

        Raises:
            UsageError: change is an `async def`.
        """
        self.tries += 1
        old = self._effects.state_get(self._group, self._key)
        # Change may alter what it is given, and the old value is still to be compared with.
        value = self._change(decode(encode(old)))
        if inspect.isawaitable(value):
            if inspect.iscoroutine(value):
                value.close()
            raise UsageError(
                "state.update takes a plain function: one that awaits is called again too; "
                "await first, then write update(group, key, lambda old: …)"
            )
        self.value = value
        return self._effects.state_compare_and_set(self._group, self._key, old, value)

    def pause_s(self) -> float:
        """So long to wait before the next try, so that those who collided do not again.

        Raises:
            ConflictError: there were enough.
        """
        if self.tries >= TRIES_MAX:
            raise self.conflict()
        longest_s = min(_PAUSE_S_MAX, _PAUSE_S * 2 ** min(self.tries, 10))
        return random.uniform(0.0, longest_s)  # noqa: S311 (no secret)

    def conflict(self) -> ConflictError:
        """What it failed with, if it ends now."""
        return ConflictError(str(self._group), str(self._key), tries=self.tries)

    def run(self) -> Any:
        """Try until it counts; answers the new value. It blocks.

        Raises:
            ConflictError: it never did.
        """
        sleep = native("time", "sleep")
        while not self.begin().result():
            sleep(self.pause_s())
        return self.value


class Update(Effect):
    """An update that has started: its first try runs, and awaiting it makes the others."""

    __slots__ = ("_swaps",)

    def __init__(self, swaps: Swaps, unawaited: set[Effect]) -> None:
        super().__init__(swaps.begin(), unawaited)
        self._swaps = swaps

    @property
    def is_over(self) -> bool:
        """It ended well."""
        return super().is_over and self.promise.result()

    @property
    def error(self) -> BaseException | None:
        """What it failed with; nobody awaited it, so the first try was the only one."""
        if self.promise.is_done and self.promise.error is None and not self.promise.result():
            return self._swaps.conflict()
        return self.promise.error

    def __await__(self) -> Generator[Any, None, Any]:
        self._unawaited.discard(self)
        return self._tried()

    def _tried(self) -> Generator[Any, None, Any]:
        while not (yield from wait(tried := self.promise)):
            yield from asyncio.sleep(self._swaps.pause_s()).__await__()
            if self.promise is tried:  # Else another who awaits it has begun the next one.
                self.promise = self._swaps.begin()
        return self._swaps.value
