"""The child processes of one runner: started when needed, watched, and replaced when they die.

A child that does not answer a ping for `hang_s` is killed: its one thread is busy, so nothing
else that it runs goes on either. Deaths in a row make the next start wait, longer each time.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from motia_actors.errors import ChildDiedError
from motia_actors.runners import frames
from motia_actors.runners.child import Child
from motia_actors.threads import NativeThread, Signal, allocate_lock

PING_S = 1.0
CALM_S = 30.0
"""A child that lived for so long counts as well; those before it are forgiven."""
DELAY_S, DELAY_S_MAX = 0.2, 10.0
CROWDED_COUNT = 8
"""So many calls in flight on each child are worth another one, where there may be one."""


def delay_s(deaths: int) -> float:
    """How long after the last of so many deaths in a row the next start waits."""
    return 0.0 if deaths <= 1 else min(DELAY_S * 2.0 ** min(deaths - 2, 16), DELAY_S_MAX)


class Children:
    """Up to count_max children, the one with the least in flight first. Any thread may pick."""

    def __init__(self, start: Callable[[], Child], *, count_max: int, hang_s: float) -> None:
        self._start, self._count_max, self._hang_s = start, count_max, hang_s
        self._children: list[Child] = []
        self._retired: list[Child] = []
        self._guard = allocate_lock()
        self._deaths, self._died_s = 0, 0.0
        self._end = Signal()
        self._is_closed = False
        self._watcher: NativeThread | None = None

    def pick(self, file: str) -> Child:
        """The child for the next call.

        Raises:
            ChildDiedError: they died so often that the next start waits a moment.
        """
        with self._guard:
            self._forget_dead()
            children = self._children
            best = min(children, key=lambda child: child.open_count, default=None)
            if best is None or (
                best.open_count >= CROWDED_COUNT and len(children) < self._count_max
            ):
                fresh = self._grow(file, is_needed=best is None)
                # Until it has read the step, the old one is quicker.
                best = best or fresh
        assert best is not None
        return best

    def all(self) -> list[Child]:
        """Those that live."""
        with self._guard:
            self._forget_dead()
            return list(self._children)

    def retire(self) -> list[Child]:
        """Take the present ones out: they finish what they run; the next call gets a new one."""
        with self._guard:
            retired, self._children = self._children, []
            self._retired += retired
            return retired

    def restore(self, retired: list[Child]) -> None:
        """Take retired ones in again, in place of those started since."""
        with self._guard:
            self._retired = [one for one in self._retired if one not in retired]
            self._retired += self._children
            self._children = retired

    def close(self) -> None:
        """End them all."""
        self._is_closed = True
        self._end.set()
        with self._guard:
            ending = [*self._children, *self._retired]
            self._children, self._retired = [], []
        for child in ending:
            child.close()

    def _forget_dead(self) -> None:
        now_s = time.monotonic()
        for child in self._children:
            if not child.is_alive:
                has_lived = now_s - child.started_s > CALM_S
                self._deaths = 1 if has_lived else self._deaths + 1
                self._died_s = now_s
        self._children = [child for child in self._children if child.is_alive]

    def _grow(self, file: str, *, is_needed: bool) -> Child | None:
        wait_s = self._died_s + delay_s(self._deaths) - time.monotonic() if self._deaths else 0.0
        if self._is_closed or wait_s > 0:
            if not is_needed:
                return None
            error = ChildDiedError(file, exit_code=None, tail="its children died again and again")
            error.retry_after_s = max(wait_s, 0.1)
            raise error
        child = self._start()
        self._children.append(child)
        if self._watcher is None:
            self._watcher = NativeThread(self._watch, name="children")
            self._watcher.start()
        return child

    def _watch(self) -> None:
        while not self._end.wait(PING_S):
            with self._guard:
                watched = [child for child in (*self._children, *self._retired) if child.is_alive]
                self._retired = [child for child in self._retired if child.is_alive]
                finished = [child for child in self._retired if child.open_count == 0]
            for child in watched:
                if time.monotonic() - child.heard_s > self._hang_s:
                    child.kill(is_hung=True)
                elif child in finished:
                    child.send(frames.write("exit"))
                else:
                    child.send(frames.write("ping"))
