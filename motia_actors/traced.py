"""Effects of a call whose trace is kept: each one is a span below the call's.

What a transactional step writes is a span of the moment in which its handler wrote it; that it was
kept shows in the end of its delivery.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

import msgspec

from motia_actors.effects import CallEffects, World
from motia_actors.messages import Call, Trace
from motia_actors.promise import Promise
from motia_actors.runner import Effects
from motia_actors.steps.config import Step
from motia_actors.telemetry.spans import ERROR_CHARS_MAX, Span, SpanKind, Tracer, brief, child_of

T = TypeVar("T")


def effects_of(world: World, tracer: Tracer, step: Step, call: Call) -> Effects:
    """The effects of a call: recorded where its trace is kept."""
    if call.trace is not None and call.trace.is_sampled:
        return TracedEffects(world, tracer, step, call, call.trace)
    return CallEffects(world, step, call)


class TracedEffects(CallEffects):
    """The effects of one call of step, each recorded once it is done. Any thread may call it."""

    __slots__ = ("_trace", "_tracer", "_unkept")

    def __init__(self, world: World, tracer: Tracer, step: Step, call: Call, trace: Trace) -> None:
        super().__init__(world, step, call)
        self._tracer, self._trace = tracer, trace
        self._unkept: Trace | None = None

    def emit(self, event: Mapping[str, Any]) -> Promise[str | None]:
        """Queue an event, which carries the span of its emit."""
        if self._tracer.is_crowded():
            if self._unkept is None:
                self._unkept = msgspec.structs.replace(self._trace, is_sampled=False)
            return self._emit(event, self._unkept)
        topic = event.get("topic") if isinstance(event, Mapping) else None
        span = _Open(self, "emit", f"emit {brief(topic)}", {"topic": brief(topic)})

        def emitted(event_id: object) -> None:
            if isinstance(topic, str) and event_id is not None:
                span.attributes["eventId"] = str(event_id)
                # Another event may stand for one with a dedupe key: then nothing was queued.
                if "dedupeKey" not in event:
                    span.attributes["deliveries"] = len(self._world.route(topic))

        return span.over(lambda: self._emit(event, span.trace), emitted)

    def cancel(self, event_id: str) -> Promise[int | None]:
        """Take back an event."""
        span = _Open(self, "emit", "cancel", {"eventId": brief(event_id)})
        return span.over(partial(super().cancel, event_id))

    def state_get(self, group: str, key: str) -> Any:
        """Read a value."""
        return self._state("get", group, key).of(partial(super().state_get, group, key))

    def state_group(self, group: str) -> list[Any]:
        """Read the values of a group."""
        return self._state("getGroup", group).of(partial(super().state_group, group))

    def state_keys(self, group: str) -> list[str]:
        """Read the keys of a group."""
        return self._state("keys", group).of(partial(super().state_keys, group))

    def state_increment(self, group: str, key: str, by: float = 1) -> Promise[Any]:
        """Add to a number."""
        span = self._state("increment", group, key)
        return span.over(partial(super().state_increment, group, key, by))

    def state_update(self, group: str, key: str, patch: object) -> Promise[Any]:
        """Merge into an object."""
        span = self._state("update", group, key)
        return span.over(partial(super().state_update, group, key, patch))

    def state_compare_and_set(
        self, group: str, key: str, expected: object, value: object, ttl: object = None
    ) -> Promise[bool]:
        """Store a value where another one is."""
        span = self._state("compareAndSet", group, key)
        write = partial(super().state_compare_and_set, group, key, expected, value, ttl)
        return span.over(write)

    def state_set(self, group: str, key: str, value: object, ttl: object = None) -> Promise[Any]:
        """Store a value."""
        span = self._state("set", group, key)
        return span.over(partial(super().state_set, group, key, value, ttl))

    def state_delete(self, group: str, key: str) -> Promise[Any]:
        """Remove a value."""
        return self._state("delete", group, key).over(partial(super().state_delete, group, key))

    def state_clear(self, group: str) -> Promise[None]:
        """Remove the values of a group."""
        return self._state("clear", group).over(partial(super().state_clear, group))

    def stream_get(self, stream: str, group: str, item_id: str) -> Any:
        """Read an item."""
        span = self._stream("get", stream, group, item_id)
        return span.of(partial(super().stream_get, stream, group, item_id))

    def stream_group(self, stream: str, group: str) -> list[Any]:
        """Read the items of a group."""
        return self._stream("getGroup", stream, group).of(
            partial(super().stream_group, stream, group)
        )

    def stream_set(self, stream: str, group: str, item_id: str, data: object) -> Promise[Any]:
        """Store an item."""
        span = self._stream("set", stream, group, item_id)
        return span.over(partial(super().stream_set, stream, group, item_id, data))

    def stream_update(self, stream: str, group: str, item_id: str, patch: object) -> Promise[Any]:
        """Merge into an item."""
        span = self._stream("update", stream, group, item_id)
        return span.over(partial(super().stream_update, stream, group, item_id, patch))

    def stream_delete(self, stream: str, group: str, item_id: str) -> Promise[Any]:
        """Remove an item."""
        span = self._stream("delete", stream, group, item_id)
        return span.over(partial(super().stream_delete, stream, group, item_id))

    def stream_send(
        self, stream: str, channel: Mapping[str, Any], event: Mapping[str, Any]
    ) -> Promise[None]:
        """Tell listeners of a channel."""
        place = channel if isinstance(channel, Mapping) else {}
        span = self._stream("send", stream, place.get("groupId"), place.get("id"))
        return span.over(partial(super().stream_send, stream, channel, event))

    def _state(self, operation: str, group: object, key: object = None) -> _Open:
        place = {"operation": operation, "groupId": brief(group)}
        if key is not None:
            place["key"] = brief(key)
        return _Open(self, "state", f"state.{operation}", place)

    def _stream(
        self, operation: str, stream: object, group: object, item_id: object = None
    ) -> _Open:
        place = {"operation": operation, "stream": brief(stream), "groupId": brief(group)}
        if item_id is not None:
            place["id"] = brief(item_id)
        return _Open(self, "stream", f"{brief(stream)}.{operation}", place)

    def ended(self, span: _Open, error: BaseException | None) -> None:
        """Record an effect that came to its end."""
        call = self.call
        self._tracer.record(
            Span(
                trace_id=call.trace_id,
                w3c_id=span.trace.w3c_id,
                id=span.trace.span_id,
                parent=self._trace.span_id,
                name=span.name,
                kind=span.kind,
                step=self._step.name,
                attempt=0 if call.delivery is None else call.delivery.attempt,
                worker=self._tracer.worker,
                start_s=span.start_s,
                end_s=self._tracer.clock.now_s(),
                status="completed" if error is None else "failed",
                error=None if error is None else _said(error),
                attributes=span.attributes,
            )
        )

    def is_crowded(self) -> bool:
        """There is no room for more spans within this second."""
        return self._tracer.is_crowded()

    def begin(self) -> tuple[Trace, float]:
        """Name a span below the call's, and say when it began."""
        return child_of(self._trace), self._tracer.clock.now_s()


class _Open:
    """An effect that has begun."""

    __slots__ = ("_effects", "attributes", "kind", "name", "start_s", "trace")

    def __init__(
        self,
        effects: TracedEffects,
        kind: SpanKind,
        name: str,
        attributes: Mapping[str, str | int | float | bool],
    ) -> None:
        self._effects = effects
        self.kind, self.name = kind, name
        self.attributes = dict(attributes)
        self.trace, self.start_s = effects.begin()

    def of(self, read: Callable[[], T]) -> T:
        """Do it at once."""
        if self._effects.is_crowded():
            return read()
        try:
            value = read()
        except BaseException as error:
            self._effects.ended(self, error)
            raise
        self._effects.ended(self, None)
        return value

    def over(
        self,
        write: Callable[[], Promise[T]],
        answered: Callable[[object], None] = lambda _answer: None,
    ) -> Promise[T]:
        """Begin it; its end is that of its promise."""
        if self._effects.is_crowded():
            return write()

        def done(promise: Promise[T]) -> None:
            if promise.error is None:
                answered(promise.result())
            self._effects.ended(self, promise.error)

        try:
            promise = write()
        except BaseException as error:
            self._effects.ended(self, error)
            raise
        promise.watch(done)
        return promise


def _said(error: BaseException) -> str:
    return brief(f"{type(error).__name__}: {error}", ERROR_CHARS_MAX)
