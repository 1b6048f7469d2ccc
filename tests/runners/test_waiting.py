"""Awaiting a promise on a loop: each waiter hears of its own, and the loop is woken once."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from functools import partial
from typing import TypeVarTuple, Unpack

from motia_actors.promise import Promise
from motia_actors.runners.waiting import wait_for
from motia_actors.threads import NativeThread

Ts = TypeVarTuple("Ts")

COUNT = 50
WAIT_S_MAX = 10.0


class CountingLoop(asyncio.SelectorEventLoop):
    """Counts how often other threads wake it."""

    def __init__(self) -> None:
        super().__init__()
        self.wakes = 0

    def call_soon_threadsafe(
        self,
        callback: Callable[[Unpack[Ts]], object],
        *args: *Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.Handle:
        """Count it."""
        self.wakes += 1
        return super().call_soon_threadsafe(callback, *args, context=context)


def set_all(promises: list[Promise[int]]) -> None:
    for number, promise in enumerate(promises):
        promise.set(number)


def test_what_is_set_together_wakes_the_loop_once() -> None:
    promises: list[Promise[int]] = [Promise() for _ in range(COUNT)]
    loop = CountingLoop()

    async def main() -> list[int]:
        waits = [asyncio.ensure_future(wait_for(promise)) for promise in promises]
        await asyncio.sleep(0)
        set_all(promises)  # On the loop's own thread, so that its turn comes after all of them.
        return list(await asyncio.gather(*waits))

    found = loop.run_until_complete(main())
    loop.close()

    assert found == list(range(COUNT))
    assert loop.wakes == 1


def test_threads_that_set_them_one_by_one_lose_no_waiter() -> None:
    loop = asyncio.new_event_loop()

    async def main() -> list[int]:
        found = []
        for _ in range(COUNT):
            promises: list[Promise[int]] = [Promise() for _ in range(4)]
            waits = [asyncio.ensure_future(wait_for(promise)) for promise in promises]
            await asyncio.sleep(0)
            thread = NativeThread(partial(set_all, promises), name="setter")
            thread.start()
            found += await asyncio.wait_for(asyncio.gather(*waits), WAIT_S_MAX)
            assert thread.join(WAIT_S_MAX)
        return found

    assert loop.run_until_complete(main()) == [0, 1, 2, 3] * COUNT
    loop.close()


def test_a_promise_that_is_set_after_its_loop_was_closed_is_nobodys_trouble() -> None:
    promise: Promise[int] = Promise()
    loop = asyncio.new_event_loop()
    task = loop.create_task(wait_for(promise))
    loop.run_until_complete(asyncio.sleep(0))
    task.cancel()
    loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
    loop.close()

    promise.set(1)

    assert promise.result() == 1
