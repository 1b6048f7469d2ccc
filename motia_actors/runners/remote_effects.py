"""`Effects` for a handler in a Python child: each is an rpc to the parent, which has the store.

The other half is `remote.py`.
"""

from __future__ import annotations

import builtins
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import motia_actors.errors as errors
from motia_actors.errors import MotiaError
from motia_actors.messages import Call
from motia_actors.payload import encode
from motia_actors.promise import Promise, all_of
from motia_actors.runner import Effects
from motia_actors.store import Write
from motia_actors.telemetry.logs import encode_fields, text_of

_PENDING_COUNT = 256
_DONE: Promise[None] = Promise.of(None)


class Line:
    """The way to the parent: what is asked of it, and its replies. Any thread may ask.

    Args:
        send: Writes one frame.
    """

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self.send = send
        self.streams: tuple[str, ...] = ()
        self._asked: dict[int, tuple[Promise[Any], Callable[[Any], Any]]] = {}
        self._ids = itertools.count(1)

    def ask(
        self, call: int, method: str, arguments: Sequence[object], answer: Callable[[Any], Any]
    ) -> Promise[Any]:
        """Have the parent do method; the promise has what answer makes of its reply.

        Raises:
            PayloadError: an argument has no JSON form.
        """
        promise: Promise[Any] = Promise()
        asked_id = next(self._ids)
        data = encode({"t": "rpc", "id": asked_id, "call": call, "m": method, "a": arguments})
        self._asked[asked_id] = promise, answer
        self.send(data + b"\n")
        return promise

    def replied(self, asked_id: int, value: object, error: Mapping[str, Any] | None) -> None:
        """Keep the promise of what was asked."""
        promise, answer = self._asked.pop(asked_id)
        if error is not None:
            promise.set_error(error_of(error))
        else:
            promise.set(answer(value))


class RemoteEffects(Effects):
    """The effects of one call, which the parent knows by call_id."""

    __slots__ = ("_call_id", "_line", "_pending", "call")

    def __init__(self, call: Call, call_id: int, line: Line) -> None:
        self.call, self._call_id, self._line = call, call_id, line
        self._pending: list[Promise[Any]] = []

    def emit(self, event: Mapping[str, Any]) -> Promise[str | None]:
        """Queue an event; answers its id."""
        return self._write("emit", event)

    def cancel(self, event_id: str) -> Promise[int | None]:
        """Take back what was not handed out yet of an event."""
        return self._write("cancel", event_id)

    def state_get(self, group: str, key: str) -> Any:
        """Read the stored value, None where there is none."""
        return self._read("state.get", group, key)

    def state_group(self, group: str) -> list[Any]:
        """All values of the group."""
        values: list[Any] = self._read("state.getGroup", group)
        return values

    def state_keys(self, group: str) -> list[str]:
        """The keys of the group, sorted."""
        keys: list[str] = self._read("state.keys", group)
        return keys

    def state_increment(self, group: str, key: str, by: float = 1) -> Promise[Any]:
        """Add to a number; answers the sum."""
        return self._write("state.increment", group, key, by)

    def state_update(self, group: str, key: str, patch: object) -> Promise[Any]:
        """Merge the fields of patch into an object; answers the object."""
        return self._write("state.update", group, key, patch)

    def state_compare_and_set(
        self, group: str, key: str, expected: object, value: object, ttl: object = None
    ) -> Promise[bool]:
        """Store value where what is there equals expected; answers whether it did."""
        given = () if ttl is None else (ttl,)
        return self._write("state.compareAndSet", group, key, expected, value, *given)

    def state_set(self, group: str, key: str, value: object, ttl: object = None) -> Promise[Any]:
        """Store value; answers it."""
        given = () if ttl is None else (ttl,)
        return self._write("state.set", group, key, value, *given, answer=lambda _: value)

    def state_delete(self, group: str, key: str) -> Promise[Any]:
        """Remove; answers the old value or None."""
        return self._write("state.delete", group, key)

    def state_clear(self, group: str) -> Promise[None]:
        """Remove all values of the group."""
        return self._write("state.clear", group)

    def stream_names(self) -> tuple[str, ...]:
        """List the names of all streams."""
        return self._line.streams

    def stream_get(self, stream: str, group: str, item_id: str) -> Any:
        """Read the item with `__motia`, or None."""
        return self._read("stream.get", stream, group, item_id)

    def stream_group(self, stream: str, group: str) -> list[Any]:
        """All items of the group, each with `__motia`."""
        items: list[Any] = self._read("stream.getGroup", stream, group)
        return items

    def stream_set(self, stream: str, group: str, item_id: str, data: object) -> Promise[Any]:
        """Store the item whole; answers it with `id` and `__motia`."""
        return self._write("stream.set", stream, group, item_id, data)

    def stream_update(self, stream: str, group: str, item_id: str, patch: object) -> Promise[Any]:
        """Merge the fields of patch into the item; answers it, or None."""
        return self._write("stream.update", stream, group, item_id, patch)

    def stream_delete(self, stream: str, group: str, item_id: str) -> Promise[Any]:
        """Remove; answers the old item with `__motia`, or None."""
        return self._write("stream.delete", stream, group, item_id)

    def stream_send(
        self, stream: str, channel: Mapping[str, Any], event: Mapping[str, Any]
    ) -> Promise[None]:
        """Tell listeners of channel event."""
        return self._write("stream.send", stream, channel, event)

    def log(self, level: str, message: object, fields: object = None) -> None:
        """Log a line. Never raises."""
        head = {"t": "log", "call": self._call_id, "l": level, "m": text_of(message)}
        line = encode_fields(head)[:-1] + b',"f":' + encode_fields(fields) + b"}\n"
        self._line.send(line)

    def uncommitted(self) -> Sequence[Write[object]]:
        """Nothing here: the parent keeps what a transactional handler writes."""
        return ()

    def settle(self) -> Promise[None]:
        """Kept once every effect started so far is; fails with the first that failed."""
        pending = self._pending = [
            one for one in self._pending if not one.is_done or one.error is not None
        ]
        return all_of(list(pending)) if pending else _DONE

    def _read(self, method: str, *arguments: object) -> Any:
        return self._line.ask(self._call_id, method, arguments, _same).result()

    def _write(
        self, method: str, *arguments: object, answer: Callable[[Any], Any] | None = None
    ) -> Promise[Any]:
        if len(self._pending) >= _PENDING_COUNT:
            self._pending = [
                one for one in self._pending if not one.is_done or one.error is not None
            ]
        promise = self._line.ask(self._call_id, method, arguments, answer or _same)
        self._pending.append(promise)
        return promise


def error_of(told: Mapping[str, Any]) -> Exception:
    """The error that a frame tells of, of the type it has in the parent."""
    name, message = str(told.get("name")), str(told.get("message"))
    kind = getattr(errors, name, None) or getattr(builtins, name, None)
    if not (isinstance(kind, type) and issubclass(kind, Exception)):
        kind = MotiaError
    # Past its own constructor, which takes the facts and not the sentence.
    error = kind.__new__(kind, message)
    error.args = (message,)
    facts: dict[str, object] = {"text": message}
    if "retryAfter" in told:
        facts["retry_after_s"] = told["retryAfter"]
    if "problems" in told:
        facts["problems"] = tuple((one["field"], one["reason"]) for one in told["problems"])
    for fact, value in facts.items():
        if isinstance(error, MotiaError):
            setattr(error, fact, value)
    return error


def _same(value: Any) -> Any:
    return value
