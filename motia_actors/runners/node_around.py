"""Middleware in Node around a handler that runs elsewhere: its `next` asks the parent."""

from __future__ import annotations

import asyncio
import base64
from typing import Any, cast

import msgspec

from motia_actors.messages import Call, Failed, Outcome, Request, Returned
from motia_actors.pieces import Pieces
from motia_actors.promise import Promise
from motia_actors.runner import Effects, Handler
from motia_actors.runners import frames
from motia_actors.runners.calling import ChildHandler
from motia_actors.runners.failures import OutcomeError, failed
from motia_actors.runners.pool import ThreadPool
from motia_actors.runners.waiting import wait_for

KEPT = "__motia_body"
"""Stands for a body of bytes or pieces, which does not cross to the middleware and back."""


class NodeAround(Handler):
    """A handler behind middleware that runs in a child.

    Args:
        inner: What `next` calls.
        outer: Calls the middleware of the config file.
        pool: Where a handler that blocks runs.
    """

    is_async = True

    def __init__(self, inner: Handler, outer: ChildHandler, *, pool: ThreadPool) -> None:
        self._inner, self._outer, self._pool = inner, outer, pool

    def run(self, call: Call, effects: Effects) -> Outcome:
        """Call the middleware, and wait."""
        return asyncio.run(self.run_async(call, effects))

    async def run_async(self, call: Call, effects: Effects) -> Outcome:
        """Do the same on the running loop."""
        if call.kind != "api":  # What is around is there for requests.
            if self._inner.is_async:
                return await self._inner.run_async(call, effects)
            return await wait_for(self._pool.submit(lambda: self._inner.run(call, effects)))
        within = _Within(self._inner, call, effects, pool=self._pool)
        try:
            return within.restored(await self._outer.run_async(call, cast("Effects", within)))
        finally:
            within.cancel()


class _Within:
    """The effects of a call, and `next_step` beside them."""

    def __init__(self, inner: Handler, call: Call, effects: Effects, *, pool: ThreadPool) -> None:
        self._inner, self._effects, self._pool = inner, effects, pool
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._failure: Failed | None = None
        self._body: object = None
        self.call = call

    def __getattr__(self, name: str) -> Any:
        return getattr(self._effects, name)

    def next_step(self, request: Any) -> Promise[Any]:
        """Call the handler with the request as the middleware passes it; any thread may."""
        promise: Promise[Any] = Promise()

        def start() -> None:
            task = self._loop.create_task(self._next(request, promise))
            self._tasks.add(task)

        self._loop.call_soon_threadsafe(start)
        return promise

    def cancel(self) -> None:
        """Cancel what the middleware did not wait for."""
        for task in self._tasks:
            task.cancel()

    def restored(self, outcome: Outcome) -> Outcome:
        """The middleware's outcome, with the handler's own failure and body where it kept them."""
        if isinstance(outcome, Failed):
            is_its = outcome.kind == OutcomeError.__name__ and self._failure is not None
            return self._failure if is_its and self._failure is not None else outcome
        value = outcome.value
        if isinstance(value, dict) and value.get("body") == {KEPT: True}:
            return Returned({**value, "body": self._body})
        if isinstance(self._body, Pieces):
            self._body.close()
        return outcome

    async def _next(self, request: Any, promise: Promise[Any]) -> None:
        try:
            call = msgspec.structs.replace(self.call, input=self._request(request))
            if self._inner.is_async:
                outcome = await self._inner.run_async(call, self._effects)
            else:
                run, effects = self._inner.run, self._effects
                outcome = await wait_for(self._pool.submit(lambda: run(call, effects)))
        except BaseException as error:
            promise.set_error(OutcomeError(failed(error)))
            raise
        if isinstance(outcome, Failed):
            self._failure = outcome
            promise.set_error(OutcomeError(outcome))
            return
        value = outcome.value
        if isinstance(value, dict) and isinstance(value.get("body"), bytes | bytearray | Pieces):
            self._body = value["body"]
            value = {**value, "body": {KEPT: True}}
        promise.set(value)

    def _request(self, value: Any) -> Any:
        """The request, its bytes as bytes again where the middleware left them as they were."""
        if not isinstance(value, dict):
            return value
        for *way, last in frames.bytes_places(self.call.input):
            was, now = self.call.input, value
            try:
                for part in way:
                    was, now = was[part], now[part]
                if now[last] == base64.b64encode(was[last]).decode():
                    now[last] = was[last]
            except (KeyError, IndexError, TypeError):
                continue  # The middleware took it out.
        return Request(value)
