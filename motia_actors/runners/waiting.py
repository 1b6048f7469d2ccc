"""Let an event loop, or a plain thread, wait for a `Promise`.

Handlers are written both ways, so an operation answers an awaitable where an event loop runs
on the calling thread, and waits for the value where none does.
"""

from __future__ import annotations

import asyncio
import weakref
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from contextlib import suppress
from types import TracebackType
from typing import Any, TypeVar

from motia_actors.promise import Promise

T = TypeVar("T")


class Effect(Coroutine[Any, Any, Any]):
    """An operation that has started: awaiting it waits for the end, as often as one likes.

    It is a coroutine in form, so that `asyncio.create_task` takes it. `unawaited` holds it
    until somebody awaits it.
    """

    __slots__ = ("_steps", "_unawaited", "promise")

    def __init__(self, promise: Promise[Any], unawaited: set[Effect]) -> None:
        self.promise = promise
        self._unawaited = unawaited
        self._steps: Generator[Any, None, Any] | None = None
        unawaited.add(self)

    @property
    def is_over(self) -> bool:
        """It ended well, so that nobody needs to hear of it."""
        return self.promise.is_kept

    @property
    def error(self) -> BaseException | None:
        """What it failed with, so far."""
        return self.promise.error

    def __await__(self) -> Generator[Any, None, Any]:
        self._unawaited.discard(self)
        return wait(self.promise)

    def send(self, value: Any, /) -> Any:
        """Go on, as a task does with a coroutine."""
        if self._steps is None:
            self._steps = self.__await__()
        return self._steps.send(value)

    def throw(
        self,
        typ: Any,
        val: BaseException | object = None,
        tb: TracebackType | None = None,
        /,
    ) -> Any:
        """Raise inside, as a task does that is cancelled."""
        if self._steps is None:
            self._steps = self.__await__()
        error = typ if isinstance(typ, BaseException) else (val or typ())
        assert isinstance(error, BaseException)
        return self._steps.throw(error.with_traceback(tb) if tb else error)

    def close(self) -> None:
        """Stop waiting; the operation happens all the same."""
        if self._steps is not None:
            self._steps.close()


class Done(Effect):
    """An operation that is over: awaiting it does not suspend."""

    __slots__ = ("_value",)

    def __init__(self, value: object) -> None:  # No super: there is nothing to wait for.
        self._value = value
        self._steps = None

    def __await__(self) -> Generator[Any, None, Any]:
        return _value(self._value)


class Later(Effect):
    """A read that waits for the writes before it, so that a handler reads what it wrote."""

    __slots__ = ("_read",)

    def __init__(self, before: Promise[None], read: Callable[[], object]) -> None:
        self.promise = before
        self._read = read
        self._steps = None

    def __await__(self) -> Generator[Any, None, Any]:
        if not self.promise.is_done:
            yield from _wake(self.promise)
        return self._read()


def wait(promise: Promise[T]) -> Generator[Any, None, T]:
    """Wait on the running loop: `yield from` it in an `__await__`."""
    if not promise.is_done:
        yield from _wake(promise)
    return promise.result()


async def wait_for(promise: Promise[T]) -> T:
    """Wait on the running loop."""
    value: T = await _Waiting(promise)
    return value


class _Waiting:
    __slots__ = ("_promise",)

    def __init__(self, promise: Promise[Any]) -> None:
        self._promise = promise

    def __await__(self) -> Generator[Any, None, Any]:
        return wait(self._promise)


def _wake(promise: Promise[Any]) -> Generator[Any, None, None]:
    loop = asyncio.get_running_loop()
    future: asyncio.Future[None] = loop.create_future()
    waker = _wakers.get(loop)
    if waker is None:
        waker = _wakers[loop] = _Waker(loop)
    wake = waker.wake
    promise.on_done(lambda _: wake(future))
    yield from future


class _Waker:
    """Ends what waits on a loop; other threads wake the loop once for all of it, and no more."""

    __slots__ = ("_came", "_is_called", "_loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = weakref.ref(loop)
        self._came: deque[asyncio.Future[None]] = deque()
        self._is_called = False

    def wake(self, future: asyncio.Future[None]) -> None:
        """End a future of the loop. Any thread."""
        self._came.append(future)
        loop = self._loop()
        # Added before the look: whoever finds it called knows that its turn is still to come.
        if self._is_called or loop is None:
            return
        self._is_called = True
        # A loop that was closed meanwhile has nobody who waits.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(self._turn)

    def _turn(self) -> None:
        self._is_called = False
        while self._came:
            future = self._came.popleft()
            if not future.done():
                future.set_result(None)


_wakers: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Waker] = weakref.WeakKeyDictionary()


def _value(value: T) -> Generator[Any, None, T]:
    yield from ()
    return value


running_loop = asyncio._get_running_loop  # noqa: SLF001 (documented, and cheap)
"""The event loop that runs on this thread, which waiting here would stop, or None."""
