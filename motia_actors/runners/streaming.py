"""Streamed bodies of Python handlers: sync generators on threads, async ones on their loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import suppress
from typing import Any

from motia_actors.errors import UsageError
from motia_actors.pieces import Pieces, piece_of
from motia_actors.promise import Promise
from motia_actors.runners.pool import ThreadPool
from motia_actors.threads import allocate_lock

PLAIN = frozenset((dict, list, str, bytes, int, float, bool, tuple, type(None)))
"""Most bodies are of these, and none of these is a stream."""


def streamed(answer: Any, pool: ThreadPool, loop: asyncio.AbstractEventLoop | None = None) -> Any:
    """The answer, its body as Pieces where that is a generator or another iterator.

    Args:
        answer: What a handler returned.
        pool: Where sync iterators go on.
        loop: Where the handler ran, and async iterators go on; None: on a thread without one.
    """
    if not isinstance(answer, Mapping):
        return answer
    body = answer.get("body")
    if body.__class__ in PLAIN:
        return answer
    if isinstance(body, AsyncIterator):
        if loop is None:
            raise UsageError("a plain def returned an async generator; make the handler async def")
        return {**answer, "body": LoopPieces(body, loop)}
    if isinstance(body, Iterator):
        return {**answer, "body": ThreadPieces(body, pool)}
    return answer


class ThreadPieces(Pieces):
    """What a sync iterator yields; each turn of it is on a thread of the pool."""

    def __init__(self, source: Iterator[Any], pool: ThreadPool) -> None:
        self._source, self._pool = source, pool
        self._guard = allocate_lock()
        self._promise: Promise[bytes | None] = Promise.of(None)
        self._is_busy = self._is_closed = False

    def pull(self) -> Promise[bytes | None]:
        """Run the iterator up to its next piece."""
        with self._guard:
            if self._is_closed:
                return Promise.of(None)
            self._is_busy = True
            promise = self._promise = Promise[bytes | None]()
        self._pool.submit(lambda: self._next(promise))
        return promise

    def close(self) -> None:
        """Close a generator: at once where it rests, else when it yields next."""
        with self._guard:
            was_closed, self._is_closed = self._is_closed, True
            is_busy = self._is_busy
        self._promise.set(None)
        if not (was_closed or is_busy):
            self._pool.submit(self._end)

    def _next(self, promise: Promise[bytes | None]) -> None:
        try:
            promise.set(piece_of(next(self._source)))
        except StopIteration:
            promise.set(None)
        except BaseException as error:  # noqa: BLE001 (boundary to user code)
            promise.set_error(error)
        finally:
            with self._guard:
                self._is_busy = False
                is_closed = self._is_closed
            if is_closed:
                self._end()

    def _end(self) -> None:
        close = getattr(self._source, "close", None)
        if close is not None:
            close()


class LoopPieces(Pieces):
    """What an async iterator yields, on the loop it was made on."""

    def __init__(self, source: AsyncIterator[Any], loop: asyncio.AbstractEventLoop) -> None:
        self._source, self._loop = source, loop
        self._promise: Promise[bytes | None] = Promise.of(None)
        self._task: asyncio.Task[None] | None = None
        self._is_closed = False

    def pull(self) -> Promise[bytes | None]:
        """Have the loop run the iterator up to its next piece."""
        if self._is_closed:
            return Promise.of(None)
        promise = self._promise = Promise[bytes | None]()
        try:
            self._loop.call_soon_threadsafe(lambda: self._start(self._next(promise)))
        except RuntimeError:
            promise.set_error(UsageError("the step was stopped before its body was sent"))
        return promise

    def close(self) -> None:
        """Cancel what the iterator waits for, and close it."""
        if self._is_closed:
            return
        self._is_closed = True
        self._promise.set(None)
        with suppress(RuntimeError):  # The loop was closed, and its generators with it.
            self._loop.call_soon_threadsafe(self._cancel)

    def _start(self, steps: Any) -> None:
        self._task = self._loop.create_task(steps)

    async def _next(self, promise: Promise[bytes | None]) -> None:
        try:
            promise.set(piece_of(await anext(self._source)))
        except StopAsyncIteration:
            promise.set(None)
        except BaseException as error:  # noqa: BLE001 (boundary to user code)
            promise.set_error(error)

    def _cancel(self) -> None:
        former = self._task
        if former is not None:
            former.cancel()
        self._start(self._end(former))

    async def _end(self, former: asyncio.Task[None] | None) -> None:
        if former is not None:
            await asyncio.wait([former])
        close = getattr(self._source, "aclose", None)
        if close is not None:
            # What it raises at its end has nobody left to hear it.
            with suppress(Exception):
                await close()
