"""Threads and locks of the operating system, also where gevent has replaced them.

Under gunicorn's gevent worker the names in `threading` make greenlets, and one handler that
blocks would hold up them all. An actor's promise is a thread of its own, so actors are built
on the originals, which gevent keeps at hand.
"""

from __future__ import annotations

import _thread
import importlib
import math
import selectors
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from _typeshed import FileDescriptorLike

Lock = _thread.LockType
T = TypeVar("T")

_POLLIN, _POLLOUT = 1, 4  # Names that gevent takes out of `select`; POSIX fixed the numbers.


def _original(name: str) -> Callable[..., object]:
    monkey = sys.modules.get("gevent.monkey")
    if monkey is None:
        return cast("Callable[..., object]", getattr(_thread, name))
    return cast("Callable[..., object]", monkey.get_original("_thread", name))


def native(module: str, name: str) -> Callable[..., Any]:
    """The function as the standard library has it, where gevent has put its own in its place."""
    monkey = sys.modules.get("gevent.monkey")
    if monkey is None:
        return cast("Callable[..., Any]", getattr(importlib.import_module(module), name))
    return cast("Callable[..., Any]", monkey.get_original(module, name))


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
        if self._is_set:  # Whoever waits is awake, and has yet to look at what there is.
            return
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


def native_selector() -> selectors.BaseSelector:
    """A selector that waits in the operating system and not in gevent's hub."""
    if not is_patched():
        return selectors.DefaultSelector()
    return _NativePoll()


class _NativePoll(selectors.SelectSelector):
    """Poll by way of the original `select.poll`, whose list of names gevent empties."""

    def __init__(self) -> None:
        super().__init__()
        monkey = sys.modules["gevent.monkey"]
        self._poll = monkey.get_original("select", "poll")()

    def register(
        self, fileobj: FileDescriptorLike, events: int, data: object = None
    ) -> selectors.SelectorKey:
        key = super().register(fileobj, events, data)
        self._poll.register(key.fd, _poll_mask(events))
        return key

    def unregister(self, fileobj: FileDescriptorLike) -> selectors.SelectorKey:
        key = super().unregister(fileobj)
        self._poll.unregister(key.fd)
        return key

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        wait_ms = None if timeout is None else max(0, math.ceil(timeout * 1000))
        ready = []
        for fd, mask in self._poll.poll(wait_ms):
            key = self.get_map().get(fd)
            if key is not None:
                ready.append((key, _events(mask) & key.events))
        return ready


def _poll_mask(events: int) -> int:
    mask = _POLLIN if events & selectors.EVENT_READ else 0
    return mask | (_POLLOUT if events & selectors.EVENT_WRITE else 0)


def _events(mask: int) -> int:
    read = selectors.EVENT_READ if mask & ~_POLLOUT else 0
    return read | (selectors.EVENT_WRITE if mask & ~_POLLIN else 0)


def start_detached(target: Callable[[], object]) -> None:
    """Run target on a thread that nobody waits for; safe to call in a signal handler."""
    _start_new_thread(target, ())


def native_calls(count_max: int) -> Callable[[Callable[[], T]], T] | None:
    """A way for greenlets to make calls that block, count_max at a time; None without gevent.

    The call runs on a thread of the operating system, and gevent's loop goes on meanwhile.
    """
    if not is_patched():
        return None
    pool = importlib.import_module("gevent.threadpool").ThreadPool(count_max)

    def call(function: Callable[[], T]) -> T:
        value, error = pool.apply(_caught, (function,))
        if error is not None:
            raise error
        return cast("T", value)

    return call


def _caught(function: Callable[[], T]) -> tuple[T | None, BaseException | None]:
    """What function returned or raised: gevent prints a traceback of what leaves its threads."""
    try:
        return function(), None
    except BaseException as error:  # noqa: BLE001 (it is raised again where the caller waits)
        return None, error
