"""Threads and locks of the operating system, also where gevent has replaced them.

Under gunicorn's gevent worker the names in `threading` make greenlets, and one handler that
blocks would hold up them all. An actor's promise is a thread of its own, so actors are built
on the originals, which gevent keeps at hand.
"""

from __future__ import annotations

import _thread
import sys
import threading
from collections.abc import Callable
from typing import cast

Lock = _thread.LockType


def _original(name: str) -> Callable[..., object]:
    monkey = sys.modules.get("gevent.monkey")
    if monkey is None:
        return cast("Callable[..., object]", getattr(_thread, name))
    return cast("Callable[..., object]", monkey.get_original("_thread", name))


allocate_lock = cast("Callable[[], Lock]", _original("allocate_lock"))
_start_new_thread = _original("start_new_thread")


def is_patched() -> bool:
    """Gevent has replaced `threading` in this process."""
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("threading"))


class NativeThread:
    """A thread of the operating system that never keeps the process alive."""

    def __init__(self, target: Callable[[], None], *, name: str) -> None:
        self.name = name
        self._target = target
        self._finished = allocate_lock()
        self._finished.acquire()

    def start(self) -> None:
        """Run target; call it once."""
        if is_patched():
            _start_new_thread(self._run, ())
        else:
            threading.Thread(target=self._run, name=self.name, daemon=True).start()

    def join(self, timeout_s: float) -> bool:
        """Wait for the end; False where timeout_s passed first."""
        if not self._finished.acquire(timeout=timeout_s):
            return False
        self._finished.release()
        return True

    def _run(self) -> None:
        try:
            self._target()
        finally:
            self._finished.release()


class Signal:
    """A flag that one thread waits for and any thread raises; waiting lowers it again."""

    def __init__(self) -> None:
        self._lock = allocate_lock()
        self._lock.acquire()
        self._guard = allocate_lock()
        self._is_set = False

    def set(self) -> None:
        """Wake the waiter, or let the next wait return at once."""
        with self._guard:
            if not self._is_set:
                self._is_set = True
                self._lock.release()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until set; False where timeout_s passed first. One waiter at a time."""
        if timeout_s is None:
            self._lock.acquire()
        elif not self._lock.acquire(timeout=max(0.0, min(timeout_s, threading.TIMEOUT_MAX))):
            return False
        with self._guard:
            self._is_set = False
        return True
