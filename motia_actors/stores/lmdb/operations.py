"""What each write does, as an operation in a transaction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from motia_actors.store import (
    Ack,
    Bury,
    CronFire,
    DeadPurge,
    DeadReplay,
    EventCancel,
    EventPut,
    Extend,
    JournalAppend,
    JournalClear,
    Lease,
    Release,
    Retry,
    StateChange,
    StateClear,
    StateDelete,
    StateExpect,
    StateIncrement,
    StateSet,
    StateSwap,
    StateUpdate,
    StreamDelete,
    StreamSend,
    StreamSet,
    StreamUpdate,
    Sweep,
    Write,
)
from motia_actors.stores.limits import RingLimits
from motia_actors.stores.lmdb import dead, events, state, streams
from motia_actors.stores.lmdb import journal as journal_writes
from motia_actors.stores.lmdb.work import Operation

# By class: to ask for one class after the other would take longer than most operations.
_MAKERS: dict[type, Callable[[Any], Operation]] = {
    **dict.fromkeys((StateSet, StateDelete, StateClear, StateExpect), state.prepare),
    **dict.fromkeys((StateIncrement, StateSwap, StateUpdate), state.prepare),
    EventPut: events.prepare_put,
    Lease: events.prepare_lease,
    **dict.fromkeys((Ack, Retry, Release, Bury), events.prepare_settle),
    Extend: events.prepare_extend,
    CronFire: events.prepare_fire,
    EventCancel: events.prepare_cancel,
    DeadReplay: dead.prepare_replay,
    DeadPurge: dead.prepare_purge,
    Sweep: dead.prepare_sweep,
    JournalClear: journal_writes.prepare_clear,
}
_RING_MAKERS: dict[type, Callable[..., Operation]] = {
    **dict.fromkeys((StreamSet, StreamUpdate, StreamDelete, StreamSend), streams.prepare),
    JournalAppend: journal_writes.prepare,
}


def prepare(write: Write[object], *, journal: RingLimits, changes: RingLimits) -> Operation:
    """Make a write ready, on any thread, to be done in a transaction."""
    kind = write.__class__
    if kind in _RING_MAKERS:
        limits = journal if kind is JournalAppend else changes
        return _RING_MAKERS[kind](write, limits=limits)
    if kind not in _MAKERS:
        raise AssertionError(f"no such write: {kind.__name__}")
    return _MAKERS[kind](write)


def may_refuse(write: Write[object]) -> bool:
    """The write may turn out to be impossible once others of its commit were done."""
    match write:
        case EventPut(targets=targets):
            return any(target.depth_max is not None for target in targets)
        case StreamUpdate(check=check):
            return check is not None
        case StateChange():
            return True
        case _:
            return False
