"""How handlers and middleware are called, and what becomes of what they raise."""

from __future__ import annotations

import asyncio
import contextvars
import functools
from collections.abc import Callable
from typing import Any

import pytest

from motia_actors.errors import QueueFullError, StoreClosedError, StoreFullError
from motia_actors.messages import Failed, Request, Returned, StepKind
from motia_actors.runner import Handler
from motia_actors.runners.calling import ChildHandler
from motia_actors.runners.handler import PythonHandler
from motia_actors.runners.pool import ThreadPool
from tests.runners.rig import Project, Rig


def handler_of(function: Callable[..., Any], *middleware: Callable[..., Any]) -> PythonHandler:
    return PythonHandler(function, middleware, pool=ThreadPool())


def timed(function: Callable[..., Any]) -> Callable[..., Any]:
    """A plain wrapper that returns the awaitable of what it wraps."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


SHAPES = """
import functools

def timed(function):
    @functools.wraps(function)
    async def wrapper(*args, **kwargs):
        return await function(*args, **kwargs)
    return wrapper

def unmarked(function):
    def wrapper(*args):
        return function(*args)
    return wrapper

class Callable:
    async def __call__(self, first, context):
        return first, context.trace_id

async def read(first, ctx):
    return first, ctx.trace_id if ctx else None

def sync(first, ctx=None):
    return first, ctx.trace_id if ctx else None

async def bound(extra, first, ctx):
    return first, ctx.trace_id

"""


@pytest.mark.parametrize(
    "handler",
    [
        "read",
        "sync",
        "timed(read)",
        "timed(sync_as_async)",
        "unmarked(read)",
        "unmarked(sync)",
        "Callable()",
        "functools.partial(bound, 1)",
        "lambda first, ctx: read(first, ctx)",
    ],
)
def test_every_way_to_write_a_handler_gets_input_and_context(
    either: Project, rig: Rig, handler: str
) -> None:
    loaded = either.step(
        f"{SHAPES}\nasync def sync_as_async(f, c=None): return sync(f, c)\nhandler = {handler}\n"
    )

    # A list where it crossed a wire.
    assert [*rig.value(loaded.handler, "event", {"n": 1})] == [{"n": 1}, "K7PQ2-4431022"]


@pytest.mark.parametrize(
    ("signature", "kind", "seen"),
    [
        ("(req)", "api", "{}"),
        ("()", "event", "-"),
        ("(data, ctx=None)", "event", "None C"),
        ("(context)", "cron", "C"),
        ("()", "cron", "-"),
        ("(ctx, retries=3)", "cron", "C 3"),
        ("(req, context)", "cron", "None C"),
        ("(_req=None, _ctx=None)", "cron", "None C"),
        ("(*args)", "cron", "C"),
        ("(*args)", "event", "None C"),
    ],
)
def test_a_handler_gets_as_much_as_it_takes(
    either: Project, rig: Rig, signature: str, kind: StepKind, seen: str
) -> None:
    loaded = either.step(
        f"""
        async def handler{signature}:
            values = list(locals().values())
            if values and isinstance(values[0], tuple):
                values = values[0]
            shown = ["C" if hasattr(one, "emit") else repr(one) for one in values]
            return " ".join(shown) or "-"
        """
    )

    assert rig.value(loaded.handler, kind) == seen


RAISERS = ["SystemExit(2)", "KeyboardInterrupt()", "GeneratorExit()", "ValueError('boom')"]


@pytest.mark.parametrize("raised", [*RAISERS, "asyncio.CancelledError()"])
@pytest.mark.parametrize("kind", ["def", "async def"])
def test_nothing_a_handler_raises_leaves_it(
    either: Project, rig: Rig, kind: str, raised: str
) -> None:
    loaded = either.step(f"import asyncio\n{kind} handler(req, context):\n    raise {raised}\n")

    failure = rig.failure(loaded.handler)

    assert failure.kind == raised.partition("(")[0].rpartition(".")[2]
    assert "a_step.py" in failure.stack
    assert "line 3, in handler" in failure.stack
    assert "motia_actors" not in failure.stack


def test_a_stack_shows_the_users_frames_and_no_others(either: Project, rig: Rig) -> None:
    loaded = either.step(
        """
        import asyncio
        async def pay():
            raise ValueError("no money")
        async def handler(req, context):
            await asyncio.gather(pay())
        """
    )

    lines = rig.failure(loaded.handler).stack.splitlines()

    assert [line.split(", ", 1)[1] for line in lines if line.startswith("  File")] == [
        "line 6, in handler",
        "line 4, in pay",
    ]
    assert lines[-1] == "ValueError: no money"


def test_an_error_that_cannot_be_shown_is_a_failure_too(rig: Rig) -> None:
    class OddError(Exception):
        def __str__(self) -> str:
            raise ValueError

    def handler(req: Any) -> None:
        raise OddError

    assert rig.failure(handler_of(handler)).message == "<OddError without text>"


def test_a_recursion_without_end_is_a_failure_of_limited_size(rig: Rig) -> None:
    def handler(req: Any) -> Any:
        return handler(req)

    failure = rig.failure(handler_of(handler))

    assert failure.kind == "RecursionError"
    assert len(failure.stack) <= 16_384


def test_cancelling_the_task_cancels_the_handler(rig: Rig) -> None:
    seen: list[str] = []

    async def handler(req: Any) -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    async def main() -> None:
        effects = rig.effects()
        task = asyncio.create_task(handler_of(handler).run_async(effects.call, effects))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    started = asyncio.Event()
    asyncio.run(main())

    assert seen == ["cancelled"]


def test_runs_do_not_share_context_variables(rig: Rig) -> None:
    variable = contextvars.ContextVar("variable", default=0)

    def handler(req: Any) -> int:
        variable.set(variable.get() + 1)
        return variable.get()

    assert [rig.value(handler_of(handler)) for _ in range(2)] == [1, 1]


# Middleware.


def mark(name: str) -> Callable[..., Any]:
    async def middleware(req: Any, context: Any, next_fn: Any) -> Any:
        req.setdefault("seen", []).append(name)
        answer = await next_fn()
        return [*answer, name]

    return middleware


def mark_sync(name: str) -> Callable[..., Any]:
    def middleware(req: Any, context: Any, next_fn: Any) -> Any:
        req.setdefault("seen", []).append(name)
        context.state.set("seen", name, True)
        return [*next_fn(), name]

    return middleware


def unmarked(name: str) -> Callable[..., Any]:
    inner = mark(name)
    return lambda req, context, next_fn: inner(req, context, next_fn)


async def seen_async(req: Any, context: Any) -> Any:
    return list(req["seen"])


def seen_sync(req: Any, context: Any) -> Any:
    return list(req["seen"])


@pytest.mark.parametrize("handler", [seen_async, seen_sync])
@pytest.mark.parametrize("second", [mark, mark_sync, unmarked])
@pytest.mark.parametrize("first", [mark, mark_sync, unmarked])
def test_the_first_middleware_is_the_outermost_however_they_are_mixed(
    rig: Rig, first: Any, second: Any, handler: Any
) -> None:
    chain = handler_of(handler, first("a"), second("b"))

    assert rig.value(chain) == ["a", "b", "b", "a"]


@pytest.mark.parametrize("is_async", [True, False])
def test_middleware_hands_live_objects_to_the_handler_on_the_same_request(
    either: Project, rig: Rig, is_async: bool
) -> None:
    word, wait = ("async ", "await ") if is_async else ("", "")
    loaded = either.step(
        f"""
        {word}def with_client(req, context, next_fn):
            req["supabase"] = object
            context.user = "ada"
            return {wait}next_fn(req)
        {word}def handler(req, context):
            return req["supabase"] is req.supabase is object, context.user
        config = {{"type": "api", "middleware": [with_client]}}
        """
    )

    assert loaded.handler is not None
    assert loaded.handler.is_async is is_async or isinstance(loaded.handler, ChildHandler)
    assert [*rig.value(loaded.handler)] == [True, "ada"]


def test_middleware_may_answer_itself_and_change_the_answer(rig: Rig) -> None:
    async def deny(req: Any, context: Any, next_fn: Any) -> Any:
        return {"status": 401}

    async def label(req: Any, context: Any, next_fn: Any) -> Any:
        return {**await next_fn(), "label": 1}

    assert rig.value(handler_of(seen_async, label, deny)) == {"status": 401, "label": 1}


def test_middleware_may_catch_what_the_handler_raises(rig: Rig) -> None:
    def careful(req: Any, context: Any, next_fn: Any) -> Any:
        try:
            return next_fn()
        except SystemExit as error:
            return f"caught {error}"

    async def handler(req: Any) -> None:
        raise SystemExit(4)

    assert rig.value(handler_of(handler, careful)) == "caught 4"


def test_events_pass_no_middleware(either: Project, rig: Rig) -> None:
    loaded = either.step(
        """
        config = {"type": "event", "middleware": [lambda *a: 1 / 0]}
        def handler(data, ctx): return data
        """
    )

    assert rig.value(loaded.handler, "event", 5) == 5


# Effects that nobody awaits.


async def careless(req: Any, context: Any) -> str:
    context.state.set("g", "k", 1)
    return "returned"


def test_the_outcome_waits_for_what_was_not_awaited(rig: Rig) -> None:
    rig.store.is_held = True

    async def main() -> object:
        effects = rig.effects()
        task = asyncio.create_task(handler_of(careless).run_async(effects.call, effects))
        done, _ = await asyncio.wait([task], timeout=0)
        assert not done
        await asyncio.to_thread(rig.store.let_go)
        return await asyncio.wait_for(task, 5)

    outcome = asyncio.run(main())

    assert outcome == Returned("returned")
    assert rig.effects().state_get("g", "k") == 1


def test_an_effect_that_fails_unawaited_fails_the_run(rig: Rig) -> None:
    rig.store.error = StoreFullError("full")

    assert rig.failure(handler_of(careless)).kind == "StoreFullError"


@pytest.mark.parametrize(
    ("error", "retry_after_s"),
    [
        (QueueFullError("s", depth=1, depth_max=1, retry_after_s=3.0), 3.0),
        (StoreFullError("full"), 5.0),
        (StoreClosedError("closed"), None),
        (ValueError("no"), None),
    ],
)
def test_only_a_lack_of_room_says_when_to_try_again(
    rig: Rig, error: Exception, retry_after_s: float | None
) -> None:
    def emits(_request: Any, context: Any) -> None:
        context.emit({"topic": "order.created", "data": {}})

    rig.store.error = error

    assert rig.failure(handler_of(emits)).retry_after_s == retry_after_s


def test_an_effect_whose_failure_was_caught_fails_nothing(rig: Rig) -> None:
    async def careful(req: Any, context: Any) -> str:
        try:
            await context.state.set("g", "k", 1)
        except StoreFullError:
            return "caught"
        return "stored"

    def careful_sync(req: Any, context: Any) -> str:
        try:
            return str(context.state.set("g", "k", 1))
        except StoreFullError:
            return "caught"

    rig.store.error = StoreFullError("full")

    assert rig.value(handler_of(careful)) == "caught"
    assert rig.value(handler_of(careful_sync)) == "caught"


def test_a_handler_is_one_for_the_runtime(rig: Rig) -> None:
    handler: Handler = handler_of(seen_sync)
    effects = rig.effects(value=Request(seen=[]))

    assert not handler.is_async
    assert handler.run(effects.call, effects) == Returned([])
    assert not isinstance(asyncio.run(handler.run_async(effects.call, effects)), Failed)
