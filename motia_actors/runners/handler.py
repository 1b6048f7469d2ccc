"""Call a Python handler, with its middleware around it.

Whatever the user's code raises, SystemExit included, ends here as `Failed`: it shares the
process with all other steps. The one exception is asyncio.CancelledError where the task that
runs `run_async` was itself cancelled: then the caller asked for the end and gets it.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

from motia_actors.messages import Call, Failed, Outcome, Returned
from motia_actors.promise import Promise
from motia_actors.runner import Effects, Handler
from motia_actors.runners.context import Context
from motia_actors.runners.failures import failed
from motia_actors.runners.operations import Operations
from motia_actors.runners.pool import ThreadPool
from motia_actors.runners.signatures import arguments, is_async, shape_of
from motia_actors.runners.streaming import PLAIN, streamed
from motia_actors.runners.waiting import running_loop, wait_for

_MISSING: Any = object()


class PythonHandler(Handler):
    """A handler function and its middleware, outermost first. Any thread may run it.

    The runtime gives each call of `run_async` a task of its own: a task has its own context
    variables. `run` makes a copy of them itself.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        middleware: Sequence[Callable[..., Any]] = (),
        *,
        pool: ThreadPool,
        state_envelope: bool = False,
    ) -> None:
        self._function, self._middleware, self._pool = function, tuple(middleware), pool
        self._shape = shape_of(function)
        self._wraps_state = state_envelope
        self._are_async = tuple(is_async(one) for one in (*self._middleware, function))
        self.is_async = any(self._are_async)

    def behind(self, middleware: Sequence[Callable[..., Any]]) -> PythonHandler:
        """The same handler, with more middleware around its own."""
        return PythonHandler(
            self._function,
            (*middleware, *self._middleware),
            pool=self._pool,
            state_envelope=self._wraps_state,
        )

    def run(self, call: Call, effects: Effects) -> Outcome:
        """Call the handler and wait for it and for all its effects."""
        return contextvars.copy_context().run(self._run, call, effects)

    async def run_async(self, call: Call, effects: Effects) -> Outcome:
        """Do the same on the running loop. Cancelling its task cancels the handler."""
        operations = Operations(effects, wraps_state=self._wraps_state)
        context = Context(call, operations)
        outcome: Outcome
        try:
            answer = await self._layer_async(0, call, context, call.input)
            if answer is not None and (
                answer.__class__ is not dict or answer.get("body").__class__ not in PLAIN
            ):
                answer = streamed(answer, self._pool, asyncio.get_running_loop())
            outcome = Returned(answer)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            outcome = failed(error)
        except GeneratorExit as error:
            # Raised by the user, or by the loop that closes this coroutine; either way nothing
            # may be awaited any more.
            return failed(error)
        except BaseException as error:  # noqa: BLE001 (boundary to user code)
            outcome = failed(error)
        settled = effects.settle()
        if not settled.is_done:
            with suppress(Exception):  # Told below, where nobody has heard of it.
                await wait_for(settled)
        return outcome if operations.unawaited is None else _settled(outcome, operations)

    def _run(self, call: Call, effects: Effects) -> Outcome:
        operations = Operations(effects, wraps_state=self._wraps_state)
        context = Context(call, operations)
        outcome: Outcome
        try:
            # The plainest kind is most of all: a handler alone, which returned a dict or None.
            answer = (
                self._layer(0, call, context, call.input)
                if self._middleware
                else self._function(*arguments(self._shape, call.kind, call.input, context))
            )
            if answer is not None:
                if answer.__class__ is not dict:
                    answer = _whole(answer)
                if answer.__class__ is not dict or answer.get("body").__class__ not in PLAIN:
                    answer = streamed(answer, self._pool)
            outcome = Returned(answer)
        except BaseException as error:  # noqa: BLE001 (boundary to user code)
            outcome = failed(error)
        settled = effects.settle()
        if not settled.is_done:
            with suppress(Exception):  # Told below, where nobody has heard of it.
                settled.result()
        return outcome if operations.unawaited is None else _settled(outcome, operations)

    def _layer(self, index: int, call: Call, context: Context, value: Any) -> Any:
        """Call one layer on a thread without a loop."""
        if index == len(self._middleware) or call.kind != "api":
            answer = self._function(*arguments(self._shape, call.kind, value, context))
        else:

            def next_fn(request: Any = _MISSING) -> Any:
                passed = value if request is _MISSING else request
                inner = (index + 1, call, context, passed)
                # On a loop after all: the caller is an `async def` behind a plain wrapper.
                if running_loop() is None:
                    return self._layer(*inner)
                return self._elsewhere(self._layer, inner)

            answer = self._middleware[index](value, context, next_fn)
        return _whole(answer)

    async def _layer_async(self, index: int, call: Call, context: Context, value: Any) -> Any:
        is_last = index == len(self._middleware) or call.kind != "api"
        if is_last:
            function = self._function
            given = arguments(self._shape, call.kind, value, context)
            is_on_loop = self._are_async[-1]
        else:
            function = self._middleware[index]
            given = (value, context, self._next(index, call, context, value))
            is_on_loop = self._are_async[index]
        if is_on_loop:
            answer = function(*given)
        else:
            answer = await self._elsewhere(function, given)
        return await answer if _waits(answer) else answer

    def _next(self, index: int, call: Call, context: Context, value: Any) -> Callable[..., Any]:
        loop = asyncio.get_running_loop()

        def next_fn(request: Any = _MISSING) -> Any:
            passed = value if request is _MISSING else request
            inner = self._layer_async(index + 1, call, context, passed)
            if running_loop() is not None:
                return inner
            promise: Promise[Any] = Promise()
            tasks: list[asyncio.Task[None]] = []

            def start() -> None:
                task = loop.create_task(_keep(promise, inner))
                tasks.append(task)  # A loop holds its tasks weakly.

            loop.call_soon_threadsafe(start)
            return promise.result()

        return next_fn

    async def _elsewhere(self, function: Callable[..., Any], given: tuple[Any, ...]) -> Any:
        variables = contextvars.copy_context()
        return await wait_for(self._pool.submit(lambda: variables.run(function, *given)))


def _settled(outcome: Outcome, operations: Operations) -> Outcome:
    """Fail a run whose un-awaited effect failed; an awaited one's error was the handler's."""
    error = None if outcome.__class__ is Failed else operations.unheard()
    return outcome if error is None else failed(error)


def _waits(value: object) -> bool:
    # Most answers are dicts, and asking a dict is much cheaper than asking the ABC.
    return type(value) is not dict and value is not None and inspect.isawaitable(value)


def _whole(answer: Any) -> Any:
    """The answer, waited for if it is one to come."""
    return asyncio.run(_awaited(answer)) if _waits(answer) else answer


async def _awaited(value: Awaitable[Any]) -> Any:
    return await value


async def _keep(promise: Promise[Any], inner: Awaitable[Any]) -> None:
    try:
        promise.set(await inner)
    except BaseException as error:  # noqa: BLE001 (whoever waits must hear of it)
        promise.set_error(error)
