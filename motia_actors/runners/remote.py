"""Carry out what a handler in a child process asks of its context: `Effects` behind frames.

Runs on the thread that reads the child's frames, which must not wait: writes answer when their
promise is kept, and a read that comes after writes of the same call waits for them by callback.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from motia_actors.errors import PayloadError, UsageError
from motia_actors.promise import Promise
from motia_actors.runner import Effects
from motia_actors.runners import frames

_WRITES: Mapping[str, tuple[str, int]] = {
    "emit": ("emit", 1),
    "cancel": ("cancel", 1),
    "next": ("next_step", 1),
    "state.set": ("state_set", 3),
    "state.increment": ("state_increment", 3),
    "state.update": ("state_update", 3),
    "state.compareAndSet": ("state_compare_and_set", 4),
    "state.delete": ("state_delete", 2),
    "state.clear": ("state_clear", 1),
    "stream.set": ("stream_set", 4),
    "stream.update": ("stream_update", 4),
    "stream.delete": ("stream_delete", 3),
    "stream.send": ("stream_send", 3),
}
_READS: Mapping[str, tuple[str, int]] = {
    "state.get": ("state_get", 2),
    "state.getGroup": ("state_group", 1),
    "state.keys": ("state_keys", 1),
    "stream.get": ("stream_get", 3),
    "stream.getGroup": ("stream_group", 2),
}
# These may have one argument more, the seconds that a value lives.
_ENDING = ("state.set", "state.compareAndSet")
_USAGE = {
    "state.set": "state.set(group, key, value)",
    "state.get": "state.get(group, key)",
    "state.increment": "state.increment(group, key, by)",
    "state.update": "state.update(group, key, patch)",
    "state.compareAndSet": "state.compareAndSet(group, key, expected, value)",
    "state.keys": "state.keys(group)",
    "state.delete": "state.delete(group, key)",
    "state.clear": "state.clear(group)",
    "state.getGroup": "state.getGroup(group)",
    "stream.set": "set(groupId, id, data)",
    "stream.update": "update(groupId, id, patch)",
    "stream.get": "get(groupId, id)",
    "stream.delete": "delete(groupId, id)",
    "stream.getGroup": "getGroup(groupId)",
    "stream.send": "send({ groupId }, { type, data })",
}


def serve(effects: Effects, frame: frames.Frame, send: Callable[[bytes], None]) -> None:
    """Do what the rpc frame asks, and send the reply, now or later. Never raises."""

    def reply(promise: Promise[Any]) -> None:
        if promise.error is not None:
            send(frames.write("res", id=frame.id, e=frames.told(promise.error)))
        else:
            answer(promise.result)

    def answer(make: Callable[[], object]) -> None:
        try:
            send(frames.write("res", id=frame.id, v=make()))
        except Exception as error:  # noqa: BLE001 (whoever awaits it in the child must hear of it)
            send(frames.write("res", id=frame.id, e=frames.told(error)))

    try:
        call, is_write = _method(effects, frame)
        if is_write:
            call(*frame.a).on_done(reply)
            return
        before = effects.settle()
        if before.is_done:
            answer(lambda: call(*frame.a))
        else:
            before.on_done(lambda _: answer(lambda: call(*frame.a)))
    except Exception as error:  # noqa: BLE001 (as above)
        send(frames.write("res", id=frame.id, e=frames.told(error)))


def too_late(frame: frames.Frame) -> bytes:
    """The reply to an rpc whose call is over, so that nobody waits for ever."""
    late = f"{frame.m} came after the end of its call; await it before the handler returns"
    return frames.write("res", id=frame.id, e=frames.told(UsageError(late)))


def _method(effects: Effects, frame: frames.Frame) -> tuple[Callable[..., Any], bool]:
    """What frame asks for, and whether it writes."""
    if frame.e is not None:
        raise PayloadError(str(frame.e["message"]))
    is_write = frame.m in _WRITES
    name, count = (_WRITES if is_write else _READS)[frame.m]
    if len(frame.a) != count and not (len(frame.a) == count + 1 and frame.m in _ENDING):
        right = _USAGE.get(frame.m, frame.m)
        raise UsageError(f"{frame.m} takes {count} arguments, not {len(frame.a)}; write {right}")
    return getattr(effects, name), is_write
