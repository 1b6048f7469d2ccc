"""Start the operations of one call, and answer them as the calling thread can take it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from motia_actors.promise import Promise
from motia_actors.runner import Effects
from motia_actors.runners.updating import Swaps, Update
from motia_actors.runners.waiting import Done, Effect, Later, running_loop

# Above this many operations that nobody awaited the finished ones among them are let go of.
_UNAWAITED_COUNT = 256


class Operations:
    """What the parts of one context share."""

    __slots__ = ("effects", "unawaited", "wraps_state")

    def __init__(self, effects: Effects, *, wraps_state: bool) -> None:
        self.effects, self.wraps_state = effects, wraps_state
        self.unawaited: set[Effect] | None = None
        """What was started and nobody awaited, so far."""

    def write(self, promise: Promise[Any]) -> Any:
        """Answer an awaitable on an event loop, elsewhere the value once it is there."""
        if running_loop() is None:
            return promise.result()
        if promise.is_kept:
            return Done(promise.result())
        return Effect(promise, self._unheard_of())

    def update(self, group: Any, key: Any, change: Callable[[Any], Any]) -> Any:
        """Store what change makes of a value; again with the newer one where it was changed."""
        swaps = Swaps(self.effects, group, key, change)
        return swaps.run() if running_loop() is None else Update(swaps, self._unheard_of())

    def read(self, read: Callable[[], object]) -> Any:
        """Answer what read does: at once, unless this call still writes."""
        if running_loop() is None:
            return read()
        before = self.effects.settle()
        return Done(read()) if before.is_done else Later(before, read)

    def refuse(self, wrote: str, right: str) -> Any:
        """Do nothing, as Motia does with such a call, and say what to write."""
        self.warn(wrote, right)
        return None if running_loop() is None else Done(None)

    def warn(self, wrote: str, right: str) -> None:
        """Say what to write in place of what was written."""
        self.effects.log("warn", f"context.{wrote} is not Motia's way; write context.{right}")

    def unheard(self) -> BaseException | None:
        """Find the first error of an operation that nobody awaited."""
        if not self.unawaited:
            return None
        errors = (effect.error for effect in self.unawaited)
        return next((error for error in errors if error is not None), None)

    def _unheard_of(self) -> set[Effect]:
        """The operations that nobody awaited yet; not too many of them."""
        if self.unawaited is None:
            self.unawaited = set()
        elif len(self.unawaited) >= _UNAWAITED_COUNT:
            for effect in [one for one in self.unawaited if one.is_over]:
                self.unawaited.discard(effect)
        return self.unawaited
