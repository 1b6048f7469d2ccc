"""A value that another thread will deliver, once.

Lighter than `concurrent.futures.Future` (no condition variable, no states to cancel) and made
of native locks, so that it works between greenlets' threads and actors' threads alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar, cast

from motia_actors.errors import TimeLimitError
from motia_actors.threads import Lock, allocate_lock

T = TypeVar("T")

_guard = allocate_lock()  # Held for a few instructions, so one for all promises will do.


class Promise(Generic[T]):
    """Set once with a value or an error; later settings are ignored and answer False.

    Args:
        callback: As for on_done.
    """

    __slots__ = ("_callbacks", "_error", "_is_done", "_value", "_waiters")

    def __init__(self, callback: Callable[[Promise[T]], None] | None = None) -> None:
        self._is_done = False
        self._value: Any = None
        self._error: BaseException | None = None
        self._waiters: list[Lock] | None = None
        self._callbacks = None if callback is None else [callback]

    @classmethod
    def of(cls, value: T) -> Promise[T]:
        """A promise already kept."""
        promise = cls()
        promise._is_done, promise._value = True, value
        return promise

    @classmethod
    def broken(cls, error: BaseException) -> Promise[T]:
        """A promise that already failed."""
        promise = cls()
        promise._is_done, promise._error = True, error
        return promise

    @property
    def is_done(self) -> bool:
        """It was set."""
        return self._is_done

    @property
    def error(self) -> BaseException | None:
        """What it failed with, so far."""
        return self._error

    @property
    def is_kept(self) -> bool:
        """It was set, with a value."""
        return self._is_done and self._error is None

    def set(self, value: T, error: BaseException | None = None) -> bool:
        """Deliver value, or error in its place; False where something was delivered before."""
        with _guard:
            if self._is_done:
                return False
            self._value, self._error, self._is_done = value, error, True
            waiters, callbacks = self._waiters, self._callbacks
            self._waiters = self._callbacks = None
        if waiters is not None:
            for waiter in waiters:
                waiter.release()
        if callbacks is not None:
            for callback in callbacks:
                callback(self)
        return True

    def set_error(self, error: BaseException) -> bool:
        """Deliver an error; False where something was delivered before."""
        return self.set(cast("T", None), error)

    def result(self, timeout_s: float | None = None) -> T:
        """Wait for the value; raise its error, or TimeLimitError after timeout_s."""
        if not self._is_done:
            self._wait(timeout_s)
        if self._error is not None:
            raise self._error
        value: T = self._value
        return value

    def on_done(self, callback: Callable[[Promise[T]], None]) -> None:
        """Call callback once it is set: on the setting thread, or at once where it is set."""
        with _guard:
            if not self._is_done:
                if self._callbacks is None:
                    self._callbacks = []
                self._callbacks.append(callback)
                return
        callback(self)

    def watch(self, callback: Callable[[Promise[T]], None]) -> None:
        """Call callback as on_done does, without a wish that it be soon."""
        Promise.on_done(self, callback)

    def _wait(self, timeout_s: float | None) -> None:
        waiter = allocate_lock()
        waiter.acquire()
        with _guard:
            if self._is_done:
                return
            if self._waiters is None:
                self._waiters = []
            self._waiters.append(waiter)
        # Set may come between the timeout and the raise: what counts is whether it came.
        came = waiter.acquire(timeout=-1 if timeout_s is None else max(0.0, timeout_s))
        if not came and not self._is_done:
            raise TimeLimitError("(answer)", limit_s=timeout_s or 0.0)


class Mapped(Promise[T]):
    """What make makes of the value of another promise, as often as one asks.

    Asking for it asks the other one, which may then do itself what is waited for.
    """

    __slots__ = ("_make", "_source")

    def __init__(self, source: Promise[Any], make: Callable[[Any], T]) -> None:
        # No super: the other one has all that there is to know.
        self._source, self._make = source, make

    @property
    def is_done(self) -> bool:
        """The other one was set."""
        return self._source.is_done

    @property
    def error(self) -> BaseException | None:
        """What either of them failed with, so far."""
        if not self._source.is_done or self._source.error is not None:
            return self._source.error
        try:
            self.result()
        except Exception as error:  # noqa: BLE001 (whoever asks must hear of it)
            return error
        return None

    @property
    def is_kept(self) -> bool:
        """The other one has a value, of which make makes one."""
        return self._source.is_kept and self.error is None

    def result(self, timeout_s: float | None = None) -> T:
        """Wait for the other one's value; what make makes of it, or its error."""
        return self._make(self._source.result(timeout_s))

    def on_done(self, callback: Callable[[Promise[T]], None]) -> None:
        """Call callback, with this promise, once the other one is set."""
        self._source.on_done(lambda _: callback(self))

    def watch(self, callback: Callable[[Promise[T]], None]) -> None:
        """Call callback, with this promise, as on_done does, without a wish that it be soon."""
        self._source.watch(lambda _: callback(self))


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
