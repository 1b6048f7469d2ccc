"""CONTRACT: how the handlers of one language are loaded and called.

A runner knows a language, a handler one step's code. `Effects` is all that running code can do
to the world; whoever calls the handler supplies it, so that a runner needs no store and no
router, and a child process can be given the same effects over a wire.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

import msgspec

from motia_actors.messages import Call, Outcome
from motia_actors.promise import Promise
from motia_actors.store import Write


class Effects(Protocol):
    """What one running handler may do to the world. Any thread may call it.

    Values are plain Python (what JSON can hold, see `payload.py`). A promise is kept once the
    effect is durable. Wrong arguments raise UsageError at the call.
    """

    call: Call

    def emit(self, event: Mapping[str, Any]) -> Promise[str | None]:
        """Queue an event; answers its id, or None where the step may not emit the topic.

        Keys are `topic` and `data`, and where they are wanted `messageGroupId`; `dedupeKey` and
        `dedupeWindow` in seconds; `delay` in seconds or `at`, a point in time.
        """
        ...

    def cancel(self, event_id: str) -> Promise[int | None]:
        """Take back what was not handed out yet of an event with `delay` or `at`.

        Answers how many deliveries, or None where that is not known yet (a transactional step).
        """
        ...

    def state_get(self, group: str, key: str) -> Any:
        """The stored value, None where there is none."""
        ...

    def state_group(self, group: str) -> list[Any]:
        """All values of the group."""
        ...

    def state_keys(self, group: str) -> list[str]:
        """The keys of the group, sorted."""
        ...

    def state_increment(self, group: str, key: str, by: float = 1) -> Promise[Any]:
        """Add to a number in one step, no value counting as 0; answers the sum."""
        ...

    def state_update(self, group: str, key: str, patch: object) -> Promise[Any]:
        """Merge the fields of patch into an object in one step; answers the object."""
        ...

    def state_compare_and_set(
        self, group: str, key: str, expected: object, value: object, ttl: object = None
    ) -> Promise[bool]:
        """Store value where what is there equals expected, None: nothing; answers whether."""
        ...

    def state_set(self, group: str, key: str, value: object, ttl: object = None) -> Promise[Any]:
        """Store value, for ttl seconds or for ever; answers it."""
        ...

    def state_delete(self, group: str, key: str) -> Promise[Any]:
        """Remove; answers the old value or None."""
        ...

    def state_clear(self, group: str) -> Promise[None]:
        """Remove all values of the group."""
        ...

    def stream_names(self) -> tuple[str, ...]:
        """The names of all streams, as defined."""
        ...

    def stream_get(self, stream: str, group: str, item_id: str) -> Any:
        """The item with `__motia`, or None."""
        ...

    def stream_group(self, stream: str, group: str) -> list[Any]:
        """All items of the group, each with `__motia`."""
        ...

    def stream_set(self, stream: str, group: str, item_id: str, data: object) -> Promise[Any]:
        """Store the item whole; answers it with `id` and `__motia`."""
        ...

    def stream_update(self, stream: str, group: str, item_id: str, patch: object) -> Promise[Any]:
        """Merge the fields of patch into the item, in one step; answers it, or None."""
        ...

    def stream_delete(self, stream: str, group: str, item_id: str) -> Promise[Any]:
        """Remove; answers the old item with `__motia`, or None."""
        ...

    def stream_send(
        self, stream: str, channel: Mapping[str, Any], event: Mapping[str, Any]
    ) -> Promise[None]:
        """Tell listeners of channel (`groupId`, perhaps `id`) event (`type`, `data`)."""
        ...

    def log(self, level: str, message: object, fields: object = None) -> None:
        """Log a line: level is debug, info, warn or error."""
        ...

    def uncommitted(self) -> Sequence[Write[object]]:
        """Writes that are to be committed with the end of the call; none for most calls."""
        ...

    def settle(self) -> Promise[None]:
        """Kept once every effect started so far is; fails with the first that failed."""
        ...


class Handler(Protocol):
    """One step's code, ready to be called. Nothing it raises leaves `run` or `run_async`."""

    is_async: bool
    """Call `run_async` on an event loop; else `run` on a thread that may block."""

    def run(self, call: Call, effects: Effects) -> Outcome:
        """Call the handler and wait for it and for all its effects."""
        ...

    async def run_async(self, call: Call, effects: Effects) -> Outcome:
        """The same on the running loop. Cancelling it cancels the handler."""
        ...


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """What a step file exports: `config` (None: it has none) and the handler, if it has one."""

    config: Mapping[str, Any] | None
    handler: Handler | None


class Runner(Protocol):
    """Loads the step files of one language."""

    suffixes: tuple[str, ...]
    """File name endings it is for, such as `.py`."""

    def load(self, path: Path) -> Loaded:
        """Read a step or stream file anew.

        Raises:
            StepLoadError: it cannot be imported; the old version, if any, goes on.
        """
        ...

    def affected(self, paths: frozenset[Path]) -> set[Path]:
        """The files, as far as loaded, that import any of paths, and those of paths themselves."""
        ...

    def fresh_modules(self, paths: frozenset[Path]) -> AbstractContextManager[None]:
        """Within it, load paths and what imports them anew; where the body raises, the old return.

        Calls in flight go on with what they began with.
        """
        ...

    def close(self) -> None:
        """Let go of what it holds, such as child processes."""
        ...
