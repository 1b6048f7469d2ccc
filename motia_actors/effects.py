"""What one running handler does to the world: its events, state, streams and log lines.

`World` is the part that all calls of a system share, `CallEffects` the cheap part of one call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any, Literal, TypeVar, cast

import msgspec

from motia_actors.arguments import Queueing, briefly, fields_of, key_text, queueing
from motia_actors.clock import Clock
from motia_actors.errors import InvalidInputError, UnknownStreamError, UsageError
from motia_actors.messages import Call, Event, Target, Trace
from motia_actors.payload import decode, encode
from motia_actors.promise import Mapped, Promise, all_of
from motia_actors.runner import Effects
from motia_actors.state_effects import StateEffects
from motia_actors.steps.config import Step
from motia_actors.store import (
    EventCancel,
    EventPut,
    Store,
    StreamDelete,
    StreamSend,
    StreamSet,
    StreamUpdate,
    Write,
)
from motia_actors.telemetry.logs import LEVELS, Level, LogRecord, LogSink
from motia_actors.telemetry.traces import new_event_id
from motia_actors.unit_of_work import StoreView, UnitOfWork

T = TypeVar("T")

Validator = Callable[[object], Sequence[tuple[str, str]]]
"""Answers a (field, reason) pair for each way in which a decoded value breaks a schema."""

# Above this many unfinished writes the finished ones among them are let go of.
_PENDING_COUNT = 256

_NOTHING: Promise[Any] = Promise.of(None)
_AT_ONCE = Queueing()


class World(msgspec.Struct, frozen=True, kw_only=True):
    """What the effects of all calls share; made once for a catalog of steps.

    `route` answers the targets of a topic. `streams` has every stream by name, with its
    validator or None. `validate` is what happens to an item that breaks its stream's schema.
    """

    store: Store
    route: Callable[[str], tuple[Target, ...]]
    log: LogSink
    clock: Clock
    streams: Mapping[str, Validator | None] = {}
    validate: Literal["enforce", "warn", "off"] = "enforce"
    new_event_id: Callable[[float], str] = new_event_id


class CallEffects(StateEffects, Effects):
    """The effects of one call of step. Any thread may call it."""

    __slots__ = ("_pending", "_step", "_store", "_unit", "_world", "call")

    def __init__(self, world: World, step: Step, call: Call) -> None:
        self.call = call
        self._world = world
        self._unit: UnitOfWork | None = None
        self._store: StoreView = world.store
        if call.delivery is not None and step.infrastructure.queue.is_transactional:
            self._store = self._unit = UnitOfWork(world.store)
        self._step = step
        self._pending: list[Promise[list[object]]] | None = None

    # Events.

    def emit(self, event: Mapping[str, Any]) -> Promise[str | None]:
        """Queue an event for every step of its topic; answers its id.

        A topic that the step does not declare is not delivered, and logged as an error; then the
        answer is None. Where an earlier event with the `dedupeKey` stands, it is that one's id.

        Raises:
            UsageError: event is no mapping with a text `topic`, or says wrongly how to queue it.
            PayloadError: its data has no JSON form.
        """
        return self._emit(event, self.call.trace)

    def _emit(self, event: Mapping[str, Any], trace: Trace | None) -> Promise[str | None]:
        # To ask a dict is much cheaper than to ask the ABC, and most are dicts.
        is_mapping = event.__class__ is dict or isinstance(event, Mapping)
        topic = event.get("topic") if is_mapping else None
        if not isinstance(topic, str):
            raise UsageError(
                f"emit got {briefly(event)}; write emit({{'topic': 'order.created', 'data': …}})"
            )
        if topic.__class__ is not str:
            topic = str.__str__(topic)  # Its text: what a class of its own prints may be another.
        step, world = self._step, self._world
        now_s = world.clock.now_s()
        group, how = None, _AT_ONCE
        has_data = "data" in event
        # Most events have topic and data and nothing else.
        if others := len(event) - 1 - has_data:
            group = event.get("messageGroupId")
            if others > (group is not None):
                how = queueing(event, now_s=now_s)
        if not step.may_emit(topic):
            declared = [emit.topic for emit in step.emits]
            self.log(
                "error",
                f"step {step.name!r} may not emit {topic!r}: add it to emits in {step.id}",
                {"topic": topic, "declared": declared, "file": step.id},
            )
            return _NOTHING
        put = Event(
            id=world.new_event_id(now_s),
            topic=topic,
            data=encode(event["data"] if has_data else None),
            trace_id=self.call.trace_id,
            flows=step.flows,
            group_id=None if group is None else key_text("messageGroupId", group),
            trace=trace,
        )
        targets = world.route(topic)
        if not targets:
            return Promise.of(put.id)
        write = EventPut(
            event=put,
            targets=targets,
            dedupe_key=how.dedupe_key,
            dedupe_window_s=how.dedupe_window_s,
            not_before_s=how.not_before_s,
        )
        return self._write(write)

    def cancel(self, event_id: str) -> Promise[int | None]:
        """Remove what was not handed out yet of an event with `delay` or `at`; answers how much.

        In a transactional step the answer is None: it happens, or not, with the end of the call.

        Raises:
            UsageError: event_id is no text.
        """
        if not isinstance(event_id, str):
            raise UsageError(
                f"cancel got {briefly(event_id)}; write cancel(event_id) with what emit answered"
            )
        return self._write(EventCancel(event_id=event_id))

    # Streams.

    def stream_names(self) -> tuple[str, ...]:
        """List the names of all streams, as defined."""
        return tuple(self._world.streams)

    def stream_get(self, stream: str, group: str, item_id: str) -> Any:
        """Read the item with `__motia`, or None."""
        self._known(stream)
        group = key_text("group", group)
        data = self._store.streams.get(stream, group, key_text("id", item_id))
        return None if data is None else _marked(decode(data), stream, group)

    def stream_group(self, stream: str, group: str) -> list[Any]:
        """All items of the group, each with `__motia`, in the order of their creation."""
        self._known(stream)
        group = key_text("group", group)
        items = self._store.streams.group(stream, group)
        return [_marked(decode(data), stream, group) for data in items]

    def stream_set(self, stream: str, group: str, item_id: str, data: object) -> Promise[Any]:
        """Store the item whole; answers it with `id` and `__motia`.

        None, False, 0 and the empty text store nothing and answer None, as in Motia 0.17.

        Raises:
            UsageError: data is no object.
            InvalidInputError: it breaks the stream's schema, which is enforced.
        """
        validator = self._known(stream)
        if data is None or data is False or data in (0, ""):
            return _NOTHING
        group, item_id = key_text("group", group), key_text("id", item_id)
        item = _fields(stream, "set", data, item_id)
        encoded = encode(item)
        if validator is not None and self._world.validate != "off":
            self._check(stream, item_id, validator(decode(encoded)))
        write = StreamSet(stream=stream, group=group, item_id=item_id, data=encoded)
        return self._write(write, lambda _: _marked(item, stream, group))

    def stream_update(self, stream: str, group: str, item_id: str, patch: object) -> Promise[Any]:
        """Merge the fields of patch into the item, in one step; answers it, or None without one.

        Raises:
            UsageError: patch is no object.
            InvalidInputError: in the promise: what comes of it breaks the stream's schema.
        """
        validator = self._known(stream)
        group, item_id = key_text("group", group), key_text("id", item_id)
        fields = _fields(stream, "update", patch, item_id)
        check = None
        if validator is not None and self._world.validate != "off":

            def check(data: bytes) -> None:
                self._check(stream, item_id, validator(decode(data)))

        write = StreamUpdate(
            stream=stream, group=group, item_id=item_id, patch=encode(fields), check=check
        )
        return self._write(write, _marker(stream, group))

    def stream_delete(self, stream: str, group: str, item_id: str) -> Promise[Any]:
        """Remove; answers the old item with `__motia`, or None."""
        self._known(stream)
        group = key_text("group", group)
        write = StreamDelete(stream=stream, group=group, item_id=key_text("id", item_id))
        return self._write(write, _marker(stream, group))

    def stream_send(
        self, stream: str, channel: Mapping[str, Any], event: Mapping[str, Any]
    ) -> Promise[None]:
        """Tell listeners of channel (`groupId`, perhaps `id`) event (`type`, `data`)."""
        self._known(stream)
        if not isinstance(channel, Mapping) or not isinstance(event, Mapping):
            raise UsageError(
                f"send of stream {stream!r} got {briefly(channel)}, {briefly(event)}; "
                f"write send({{'groupId': …}}, {{'type': …, 'data': …}})"
            )
        item_id = channel.get("id")
        write = StreamSend(
            stream=stream,
            group=key_text("groupId", channel.get("groupId")),
            item_id=None if item_id is None else key_text("id", item_id),
            data=encode({"type": event.get("type"), "data": event.get("data")}),
        )
        return self._write(write, _none)

    # The rest.

    def log(self, level: str, message: object, fields: object = None) -> None:
        """Log a line; a level that does not exist counts as info. Never raises."""
        world = self._world
        known = cast("Level", level if level in LEVELS else "info")
        if not world.log.takes(known):
            return
        record = LogRecord(
            level=known,
            at_s=world.clock.now_s(),
            message=message,
            trace_id=self.call.trace_id,
            flows=self._step.flows,
            step=self._step.name,
            attempt=0 if self.call.delivery is None else self.call.delivery.attempt,
            fields=fields,
        )
        world.log.write(record)

    def uncommitted(self) -> Sequence[Write[object]]:
        """What is to be committed with the end of the call: of a transactional step, all of it."""
        return () if self._unit is None else self._unit.writes()

    def settle(self) -> Promise[None]:
        """Kept once every effect started so far is; fails with the first that failed."""
        if self._pending is None:
            return _NOTHING
        pending = self._pending = [one for one in self._pending if not one.is_kept]
        return all_of(list(pending)) if pending else _NOTHING

    def _write(self, write: Write[T], answer: Callable[[T], Any] | None = None) -> Promise[Any]:
        # What a delivery sets off is old work: it is finished also where new work is refused.
        is_old = self.call.delivery is not None
        committed = self._store.commit([write], may_use_reserve=is_old)
        make = _first if answer is None else lambda answers: answer(answers[0])
        if committed.is_kept:
            return Promise.of(make(committed.result()))
        if self._pending is None:
            self._pending = []
        elif len(self._pending) >= _PENDING_COUNT:
            self._pending = [one for one in self._pending if not one.is_kept]
        self._pending.append(committed)
        return Mapped(committed, make)

    def _known(self, stream: str) -> Validator | None:
        try:
            return self._world.streams[stream]
        except KeyError:
            raise UnknownStreamError(stream, self.stream_names()) from None

    def _check(self, stream: str, item_id: str, problems: Sequence[tuple[str, str]]) -> None:
        if not problems:
            return
        error = InvalidInputError(f"item {item_id!r} of stream {stream!r}", problems)
        if self._world.validate == "enforce":
            raise error
        self.log("warn", str(error))


def _none(_: object) -> None:
    return None


_first: Callable[[list[Any]], Any] = itemgetter(0)


def _fields(stream: str, operation: str, data: object, item_id: str) -> dict[str, Any]:
    """What a handler gives for an item, as a dict with the item's id."""
    right = f"{operation}(group, id, {{'value': …}})"
    fields = {**fields_of(data, of=f"stream {stream!r} keeps", right=right), "id": item_id}
    fields.pop("__motia", None)  # It comes back with what was read before.
    return fields


def _marker(stream: str, group: str) -> Callable[[bytes | None], Any]:
    """What makes the answer of a write into what handlers get."""
    return lambda data: None if data is None else _marked(decode(data), stream, group)


def _marked(item: Any, stream: str, group: str) -> Any:
    if not isinstance(item, dict):
        return item
    place = {
        "type": "state-stream",
        "streamName": stream,
        "groupId": group,
        "id": item.get("id"),
    }
    return {**item, "__motia": place}
