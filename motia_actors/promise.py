"""A value that another thread will deliver, once.

Lighter than `concurrent.futures.Future` (no condition variable, no states to cancel) and made
of native locks, so that it works between greenlets' threads and actors' threads alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from motia_actors.errors import TimeLimitError
from motia_actors.threads import Lock, allocate_lock

T = TypeVar("T")

_guard = allocate_lock()  # Held for a few instructions, so one for all promises will do.


class Promise(Generic[T]):
    """Set once with a value or an error; later settings are ignored and answer False."""

    __slots__ = ("_callbacks", "_error", "_value", "_waiters", "is_done")

    def __init__(self) -> None:
        self.is_done = False
        """It was set. Only the promise itself writes this: a field is quicker than a property."""
        self._value: T | None = None
        self._error: BaseException | None = None
        self._waiters: list[Lock] | None = None
        self._callbacks: list[Callable[[Promise[T]], None]] | None = None

    @classmethod
    def of(cls, value: T) -> Promise[T]:
        """A promise already kept."""
        promise = cls()
        promise.is_done, promise._value = True, value
        return promise

    @classmethod
    def broken(cls, error: BaseException) -> Promise[T]:
        """A promise that already failed."""
        promise = cls()
        promise.is_done, promise._error = True, error
        return promise

    @property
    def error(self) -> BaseException | None:
        """What it failed with, so far."""
        return self._error

    def set(self, value: T) -> bool:
        """Deliver value; False where something was delivered before."""
        return self._settle(value, None)

    def set_error(self, error: BaseException) -> bool:
        """Deliver an error; False where something was delivered before."""
        return self._settle(None, error)

    def result(self, timeout_s: float | None = None) -> T:
        """Wait for the value; raise its error, or TimeLimitError after timeout_s."""
        if not self.is_done:
            self._wait(timeout_s)
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[return-value]  # Set is set; a `cast` takes its time.

    def on_done(self, callback: Callable[[Promise[T]], None]) -> None:
        """Call callback once it is set: on the setting thread, or at once where it is set."""
        with _guard:
            if not self.is_done:
                if self._callbacks is None:
                    self._callbacks = []
                self._callbacks.append(callback)
                return
        callback(self)

    def _wait(self, timeout_s: float | None) -> None:
        waiter = allocate_lock()
        waiter.acquire()
        with _guard:
            if self.is_done:
                return
            if self._waiters is None:
                self._waiters = []
            self._waiters.append(waiter)
        # Set may come between the timeout and the raise: what counts is whether it came.
        came = waiter.acquire(timeout=-1 if timeout_s is None else max(0.0, timeout_s))
        if not came and not self.is_done:
            raise TimeLimitError("(answer)", limit_s=timeout_s or 0.0)

    def _settle(self, value: T | None, error: BaseException | None) -> bool:
        with _guard:
            if self.is_done:
                return False
            self._value, self._error, self.is_done = value, error, True
            waiters, callbacks = self._waiters, self._callbacks
            self._waiters = self._callbacks = None
        if waiters is not None:
            for waiter in waiters:
                waiter.release()
        if callbacks is not None:
            for callback in callbacks:
                callback(self)
        return True


def all_of(promises: Sequence[Promise[Any]]) -> Promise[None]:
    """Kept once all are, in order, so that the first to have started is the one blamed."""
    settled: Promise[None] = Promise()
    left = iter(promises)

    def next_one(_: Promise[Any] | None) -> None:
        # A loop over those that are done, so that many of them take no stack.
        for promise in left:
            if not promise.is_done:
                promise.on_done(next_one)
                return
        failed = next((one.error for one in promises if one.error is not None), None)
        if failed is not None:
            settled.set_error(failed)
        else:
            settled.set(None)

    next_one(None)
    return settled
