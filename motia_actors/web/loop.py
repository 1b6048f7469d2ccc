"""One event loop on a thread of its own, for all connections that a process has taken over."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from motia_actors.threads import NativeThread, allocate_lock, native_selector

JOIN_S_MAX = 5.0


class LoopThread:
    """Starts with the first call, after any fork. Any thread may call it.

    Args:
        loop: One that somebody else runs; None: its own.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self._lock = allocate_lock()
        self._is_stopped = False
        self._loop = loop
        self._thread: NativeThread | None = None

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop."""
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.SelectorEventLoop(native_selector())
                self._thread = NativeThread(self._loop.run_forever, name="live")
                self._thread.start()
            return self._loop

    @property
    def is_running(self) -> bool:
        """Somebody used it, and it was not stopped."""
        return self._loop is not None

    def call(self, function: Callable[[], object]) -> None:
        """Run function on the loop's thread, soon; once it was stopped, not at all."""
        if not self._is_stopped:
            # A loop that is not ours may be closed at any time.
            with contextlib.suppress(RuntimeError):
                self.loop.call_soon_threadsafe(function)

    def stop(self) -> None:
        """End the thread and close the loop."""
        self._is_stopped = True
        with self._lock:
            loop, self._loop = self._loop, None
            if loop is None or self._thread is None:
                return
            loop.call_soon_threadsafe(loop.stop)
            if self._thread.join(JOIN_S_MAX):
                loop.close()
