"""Middleware of the whole project, around api handlers of any language."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from motia_actors.messages import Failed
from motia_actors.runner import Handler
from motia_actors.runners.failures import OutcomeError
from motia_actors.runners.handler import PythonHandler
from motia_actors.runners.pool import ThreadPool


def behind(
    handler: Handler, middleware: Sequence[Callable[..., Any]], *, pool: ThreadPool
) -> PythonHandler:
    """The handler behind middleware written in Python, outermost first, before its own.

    One that runs in another process, in whatever language, gets the request as the middleware
    passes it on, and its failures are raised in the middleware as OutcomeError.
    """
    if isinstance(handler, PythonHandler):
        return handler.behind(middleware)

    async def inner(request: Any, context: Any) -> Any:
        effects = context._operations.effects  # noqa: SLF001 (the context is ours)
        call = msgspec.structs.replace(effects.call, input=request)
        outcome = await handler.run_async(call, effects)
        if isinstance(outcome, Failed):
            raise OutcomeError(outcome)
        return outcome.value

    return PythonHandler(inner, middleware, pool=pool)
