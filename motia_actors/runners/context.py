"""What a handler gets as its context: `emit cancel logger state streams` and who is calling.

One context serves both ways of writing handlers. Where an event loop runs on the calling
thread every operation starts at once and answers an awaitable; elsewhere it waits and answers
the value. What Motia spells in two ways is there in two spellings, and slips that Motia lets
pass are let pass with a warning that says what to write.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from motia_actors.errors import UnknownStreamError, UsageError
from motia_actors.messages import Call, Delivery, Trigger
from motia_actors.runner import Effects
from motia_actors.runners.operations import Operations
from motia_actors.runners.waiting import Done, running_loop

_MISSING: Any = object()

# What is written in place of a key of `emit`.
_SLIPS = (
    ("type", "topic"),
    ("payload", "data"),
    ("message_group_id", "messageGroupId"),
    ("dedupe_key", "dedupeKey"),
    ("dedupe_window", "dedupeWindow"),
    ("delaySeconds", "delay"),
)

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[^0-9A-Za-z]+")


class Context:
    """One call's context. Middleware may hang attributes of its own on it."""

    trace_id: str
    flows: list[str]
    delivery: Delivery | None
    trigger: Trigger
    logger: Logger
    state: StateContext
    streams: StreamsContext

    def __init__(self, call: Call, operations: Operations) -> None:
        self.trace_id = self.traceId = call.trace_id
        self.flows = list(call.flows)
        self.delivery = call.delivery
        self._operations = operations

    def __getattr__(self, name: str) -> Any:
        # Made when first asked for: most handlers use one or two of the three.
        value: object
        if name == "state":
            value = StateContext(self._operations)
        elif name == "streams":
            value = StreamsContext(self._operations)
        elif name == "logger":
            value = Logger(self._operations.effects)
        elif name == "trigger":
            call = self._operations.effects.call
            value = call.trigger or Trigger(type=call.kind)
        else:
            raise AttributeError(
                f"context has no {name!r}; it has emit, cancel, logger, state, streams, trace_id "
                f"(traceId), flows, delivery and trigger"
            )
        self.__dict__[name] = value
        return value

    def emit(self, event: Any, data: Any = _MISSING) -> Any:
        """Queue an event: `emit({"topic": "order.created", "data": {…}})`; answers its id.

        It is on disk once the awaitable, or the call, returns. `messageGroupId` is for the order
        of fifo steps. With `dedupeKey` further events of topic and key are dropped for
        `dedupeWindow` seconds (120), and answer the first one's id. `delay` in seconds, or `at` as
        ISO 8601 text with an offset, datetime or seconds since 1970, is when it is handed out.
        """
        is_usual = event.__class__ is dict and len(event) == 2 and "topic" in event
        if not (is_usual and "data" in event):
            event = self._as_event(event, data)
        operations = self._operations
        return operations.write(operations.effects.emit(event))

    def cancel(self, event_id: Any) -> Any:
        """Take back an event that was emitted with `delay` or `at`, by the id that emit answered.

        Answers how many of its deliveries were not handed out yet, and never will be; in a
        transactional step None, because it is done when the handler has come back.
        """
        return self._operations.write(self._operations.effects.cancel(event_id))

    def _as_event(self, event: Any, data: Any) -> Any:
        if isinstance(event, str):
            self._operations.warn(
                f'emit("{event}", data)', f'emit({{"topic": "{event}", "data": data}})'
            )
            return {"topic": event, "data": None if data is _MISSING else data}
        if not isinstance(event, Mapping):
            return event
        for wrong, right in _SLIPS:
            if right not in event and wrong in event:
                self._operations.warn(f'emit({{"{wrong}": …}})', f'emit({{"{right}": …}})')
                event = {**event, right: event[wrong]}
        return event


class StateContext:
    """Values by group and key, shared by all steps."""

    __slots__ = ("_effects", "_operations")

    def __init__(self, operations: Operations) -> None:
        self._operations, self._effects = operations, operations.effects

    def get(self, group: Any = _MISSING, key: Any = _MISSING, **named: Any) -> Any:
        """Read the value, or None where there is none."""
        group, key = _named(named, group=group, key=key)
        if group is _MISSING or key is _MISSING:
            return self._operations.refuse("state.get(key)", "state.get(group, key)")
        effects, wraps = self._effects, self._operations.wraps_state

        def read() -> Any:
            value = effects.state_get(group, key)
            return _enveloped(value) if wraps else value

        return self._operations.read(read)

    def set(
        self,
        group: Any = _MISSING,
        key: Any = _MISSING,
        value: Any = _MISSING,
        *,
        ttl: Any = None,
        **named: Any,
    ) -> Any:
        """Store value; answers it. After ttl seconds it is gone; without ttl it stays for ever."""
        group, key = _named(named, group=group, key=key)
        if group is _MISSING or key is _MISSING or value is _MISSING:
            return self._operations.refuse("state.set(key, value)", "state.set(group, key, value)")
        return self._operations.write(self._effects.state_set(group, key, value, ttl))

    def increment(self, group: Any, key: Any, by: Any = 1) -> Any:
        """Add to a number, no value counting as 0; answers the sum. No addition gets lost."""
        return self._operations.write(self._effects.state_increment(group, key, by))

    def update(self, group: Any, key: Any, change: Any) -> Any:
        """Change a value in one step; answers the new one.

        A dict's fields are merged into the object that is there, or become one. A function gets
        the value, None where there is none, and returns the new one; where somebody else wrote in
        between it is called again with what is there then, so let it do nothing else.
        """
        if callable(change):
            return self._operations.update(group, key, change)
        return self._operations.write(self._effects.state_update(group, key, change))

    def compare_and_set(
        self, group: Any, key: Any, expected: Any, value: Any, *, ttl: Any = None
    ) -> Any:
        """Store value if what is there equals expected, None: nothing; answers whether it did."""
        swap = self._effects.state_compare_and_set(group, key, expected, value, ttl)
        return self._operations.write(swap)

    def keys(self, group: Any) -> Any:
        """The keys of the group, sorted."""
        effects = self._effects
        return self._operations.read(lambda: effects.state_keys(group))

    def delete(self, group: Any = _MISSING, key: Any = _MISSING, **named: Any) -> Any:
        """Remove; answers the old value or None."""
        group, key = _named(named, group=group, key=key)
        if group is _MISSING or key is _MISSING:
            return self._operations.refuse("state.delete(key)", "state.delete(group, key)")
        return self._operations.write(self._effects.state_delete(group, key))

    def clear(self, group: Any = _MISSING, **named: Any) -> Any:
        """Remove all values of the group."""
        (group,) = _named(named, group=group)
        if group is _MISSING:
            return self._operations.refuse("state.clear()", "state.clear(group)")
        return self._operations.write(self._effects.state_clear(group))

    def get_group(self, group: Any = _MISSING, _key: Any = None, **named: Any) -> Any:
        """All values of the group; a second argument is ignored, as in Motia."""
        (group,) = _named(named, group=group)
        if group is _MISSING:
            return self._operations.refuse("state.get_group()", "state.get_group(group)")
        effects = self._effects
        return self._operations.read(lambda: effects.state_group(group))

    getGroup = get_group  # noqa: N815 (Motia's spelling)


class StreamsContext:
    """The project's streams, by name: `streams.chat_messages` or `streams["chatMessages"]`."""

    __slots__ = ("_operations",)

    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    def __getattr__(self, name: str) -> StreamContext:
        return StreamContext(self._operations, self._resolved(name))

    def __getitem__(self, name: str) -> StreamContext:
        return StreamContext(self._operations, self._resolved(name))

    def get(self, name: str, default: Any = None) -> Any:
        """Find the stream of that name, or default: the streams read like a dict, too."""
        try:
            return self[name]
        except UnknownStreamError:
            return default

    def __iter__(self) -> Iterator[str]:
        return iter(self._names())

    def __contains__(self, name: object) -> bool:
        return name in self._names()

    def _names(self) -> tuple[str, ...]:
        return self._operations.effects.stream_names()

    def _resolved(self, name: str) -> str:
        names = self._names()
        if name in names:
            return name
        for known in names:
            if snake_case(known) == name:
                return known
        raise UnknownStreamError(name, names)


class StreamContext:
    """Items of one stream, by group and id; who listens to it hears of every change."""

    __slots__ = ("_effects", "_name", "_operations")

    def __init__(self, operations: Operations, name: str) -> None:
        self._operations, self._effects = operations, operations.effects
        self._name = name

    def get(self, group_id: Any, id: Any) -> Any:  # noqa: A002 (Motia's keyword)
        """Read the item, or None."""
        effects, name = self._effects, self._name
        return self._operations.read(lambda: effects.stream_get(name, group_id, id))

    def set(self, group_id: Any, id: Any, data: Any) -> Any:  # noqa: A002 (Motia's keyword)
        """Store the item whole; answers it."""
        started = self._effects.stream_set(self._name, group_id, id, data)
        return self._operations.write(started)

    def update(self, group_id: Any, id: Any, patch: Any) -> Any:  # noqa: A002 (Motia's keyword)
        """Merge the fields of patch into the item, in one step; answers it, or None."""
        started = self._effects.stream_update(self._name, group_id, id, patch)
        return self._operations.write(started)

    def delete(self, group_id: Any, id: Any) -> Any:  # noqa: A002 (Motia's keyword)
        """Remove; answers the old item or None."""
        started = self._effects.stream_delete(self._name, group_id, id)
        return self._operations.write(started)

    def get_group(self, group_id: Any) -> Any:
        """All items of the group."""
        effects, name = self._effects, self._name
        return self._operations.read(lambda: effects.stream_group(name, group_id))

    getGroup = get_group  # noqa: N815 (Motia's spelling)

    def send(self, channel: Any, event: Any) -> Any:
        """Tell listeners: `send({"groupId": …}, {"type": …, "data": …})`."""
        started = self._effects.stream_send(self._name, channel, event)
        return self._operations.write(started)


class Logger:
    """Log lines that carry the call's trace, flows and step."""

    __slots__ = ("_effects",)

    def __init__(self, effects: Effects) -> None:
        self._effects = effects

    def debug(self, message: Any, args: Any = None, *more: Any, **named: Any) -> Any:
        """Log for whoever looks for a fault."""
        return self._log("debug", message, args, more, named)

    def info(self, message: Any, args: Any = None, *more: Any, **named: Any) -> Any:
        """Log what happened."""
        return self._log("info", message, args, more, named)

    def warn(self, message: Any, args: Any = None, *more: Any, **named: Any) -> Any:
        """Log what may be wrong."""
        return self._log("warn", message, args, more, named)

    warning = warn

    def error(self, message: Any, args: Any = None, *more: Any, **named: Any) -> Any:
        """Log what is wrong."""
        return self._log("error", message, args, more, named)

    def exception(self, message: Any, args: Any = None, *more: Any, **named: Any) -> Any:
        """Log what is wrong, with the exception that is being handled."""
        return self._log("error", message, args, more, {**named, "error": sys.exc_info()[1]})

    def log(self, message: Any, args: Any = None, *more: Any, **named: Any) -> Any:
        """Log at info, or at the `level` of a mapping that holds the message as `msg`."""
        if not isinstance(message, Mapping):
            return self._log("info", message, args, more, named)
        rest = {key: value for key, value in message.items() if key not in ("level", "msg")}
        return self._log(str(message.get("level", "info")), message.get("msg", ""), rest, more, {})

    def _log(
        self, level: str, message: Any, args: Any, more: tuple[Any, ...], named: Mapping[str, Any]
    ) -> Any:
        fields = args
        if more or named:
            fields = dict(args) if isinstance(args, Mapping) else {}
            given = more if isinstance(args, Mapping) or args is None else (args, *more)
            fields |= {**named, **({"data": list(given)} if given else {})}
        self._effects.log(level, message, fields)
        # Some await their logger: that must not fail.
        return None if running_loop() is None else _LOGGED


_LOGGED = Done(None)


def snake_case(name: str) -> str:
    """`chatMessages`, `chat-messages` and `ChatMessages` as `chat_messages`."""
    return _HUMP.sub("_", name).strip("_").lower()


def _enveloped(value: Any) -> Any:
    """Wrap as Motia 0.17 does in Python: None and dicts without a key `data`."""
    if value is None or (isinstance(value, dict) and "data" not in value):
        return {"data": value}
    return value


def _named(named: dict[str, Any], **given: Any) -> tuple[Any, ...]:
    """Positional values, or those under Motia's keyword names (`trace_id` for the group)."""
    if named:
        for alias in ("trace_id", "group_id", "groupId"):
            if alias in named and "group" in given:
                given["group"] = named.pop(alias)
        if named:
            raise UsageError(f"state takes group, key and value, not {', '.join(named)}")
    return tuple(given.values())
