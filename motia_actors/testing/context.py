"""One step by itself: a context that is the real one, over a store in memory that tests look into.

Emits go nowhere and are kept in a list. Keys, values and stream schemas are checked as they are
when the step runs, so a test fails where production would.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec

from motia_actors.clock import ManualClock
from motia_actors.effects import CallEffects, Validator, World
from motia_actors.messages import Call, Request, StepKind, Trigger
from motia_actors.payload import decode, encode
from motia_actors.promise import Promise
from motia_actors.runners.context import Context
from motia_actors.runners.operations import Operations
from motia_actors.runners.signatures import arguments, shape_of
from motia_actors.steps.config import Step
from motia_actors.steps.schema import compile_schema
from motia_actors.stores.memory import MemoryStore
from motia_actors.telemetry.logs import LogRecord, LogSink


class Emitted(msgspec.Struct, frozen=True, kw_only=True):
    """One event that a handler emitted; `how` has the other keys, such as `messageGroupId`."""

    topic: str
    data: Any
    how: Mapping[str, Any]


class FakeContext(Context):
    """What a handler gets as its context, and what a test reads it by afterwards.

    In a test's own, synchronous code its operations answer values: `context.state.get(…)`.

    Args:
        streams: The project's streams: names, or JSON Schemas by name.
        trace_id: As the handler sees it.
        flows: The same.
        kind: How the handler is triggered, where its input does not tell.
        trigger: The same, and by which of a step's triggers.
        clock: What time it is for `emit` with `delay` or `at`.
    """

    def __init__(
        self,
        *,
        streams: Iterable[str] | Mapping[str, Mapping[str, Any] | None] = (),
        trace_id: str = "TEST1-0000001",
        flows: Iterable[str] = (),
        kind: StepKind | None = None,
        trigger: Trigger | None = None,
        clock: ManualClock | None = None,
    ) -> None:
        schemas = streams if isinstance(streams, Mapping) else dict.fromkeys(streams)
        self.clock = clock or ManualClock()
        self.events: list[Emitted] = []
        self.logs: list[LogRecord] = []
        kind = kind if trigger is None else trigger.type
        self._kind, self._trigger = kind, trigger
        store = MemoryStore(self.clock)
        store.open()
        world = World(
            store=store,
            route=lambda _topic: (),
            log=_Kept(self.logs),
            clock=self.clock,
            streams={name: _validator(schema) for name, schema in schemas.items()},
        )
        call = Call(kind=kind or "event", trace_id=trace_id, flows=tuple(flows))
        step = Step(id="steps/test_step.py", kind=call.kind, name="test", flows=call.flows)
        effects = _Recorded(world, step, call, self.events)
        super().__init__(call, Operations(effects, wraps_state=False))

    def emitted(self, topic: str) -> list[Any]:
        """The data of all events of topic, in the order of their emits."""
        return [event.data for event in self.events if event.topic == topic]

    def run(self, handler: Callable[..., Any], value: object = None) -> Any:
        """Call the handler as its step would; answers what it returns, raises what it raises.

        Args:
            handler: `def` or `async def`, with as many parameters as it has in its step.
            value: The request of an api step (`request`), the data of an event, None for cron.
        """
        kind: StepKind = self._kind or ("api" if isinstance(value, Request) else "event")
        if self._kind is None and value is None and shape_of(handler).count_max < 2:
            kind = "cron"
        self.trigger = self._trigger or Trigger(type=kind)
        answer = handler(*arguments(shape_of(handler), kind, value, self))
        if inspect.isawaitable(answer):
            answer = _run(answer)
        # What it started and did not await happens all the same, or fails the call.
        self._operations.effects.settle().result()
        return answer


def request(
    *,
    body: Any = None,
    query: Mapping[str, Any] | None = None,
    params: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    method: str = "POST",
    path: str = "/",
) -> Request:
    """Make a request as api handlers get it."""
    given = dict(params or {})
    asked = dict(query or {})
    return Request(
        body={} if body is None else body,
        headers={name.lower(): value for name, value in (headers or {}).items()},
        pathParams=given,
        queryParams=asked,
        rawBody="",
        params=given,
        query=asked,
        method=method,
        path=path,
    )


class _Recorded(CallEffects):
    """Effects that note each emit, with its data as the listeners would get it."""

    __slots__ = ("_events",)

    def __init__(self, world: World, step: Step, call: Call, events: list[Emitted]) -> None:
        super().__init__(world, step, call)
        self._events = events

    def emit(self, event: Mapping[str, Any]) -> Promise[str | None]:
        """Check and note."""
        answer = super().emit(event)
        how = {key: value for key, value in event.items() if key not in ("topic", "data")}
        data = decode(encode(event.get("data")))
        self._events.append(Emitted(topic=event["topic"], data=data, how=how))
        return answer


class _Kept(LogSink):
    """Keeps records in a list, of every level, and prints nothing."""

    def __init__(self, records: list[LogRecord]) -> None:
        super().__init__(level="debug")
        self._kept = records

    def write(self, record: LogRecord) -> None:
        """Keep it."""
        self._kept.append(record)


def _run(answer: Any) -> Any:
    """Wait for what a handler answered, on a loop of its own."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(_awaited(answer))
    # The test runs on a loop itself: an asynchronous one, or beside a browser's driver.
    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(asyncio.run, _awaited(answer)).result()


async def _awaited(answer: Any) -> Any:
    return await answer


def _validator(schema: Mapping[str, Any] | None) -> Validator | None:
    return None if schema is None else compile_schema(schema).problems
