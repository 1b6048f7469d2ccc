"""What each write does, as an operation in a transaction."""

from __future__ import annotations

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
    StateSet,
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


def prepare(write: Write[object], *, journal: RingLimits, changes: RingLimits) -> Operation:
    """Make a write ready, on any thread, to be done in a transaction."""
    match write:
        case StateSet() | StateChange() | StateDelete() | StateClear() | StateExpect():
            return state.prepare(write)
        case StreamSet() | StreamUpdate() | StreamDelete() | StreamSend():
            return streams.prepare(write, limits=changes)
        case EventPut():
            return events.prepare_put(write)
        case Lease():
            return events.prepare_lease(write)
        case Ack() | Retry() | Release() | Bury():
            return events.prepare_settle(write)
        case Extend():
            return events.prepare_extend(write)
        case CronFire():
            return events.prepare_fire(write)
        case EventCancel():
            return events.prepare_cancel(write)
        case DeadReplay():
            return dead.prepare_replay(write)
        case DeadPurge():
            return dead.prepare_purge(write)
        case Sweep():
            return dead.prepare_sweep(write)
        case JournalAppend():
            return journal_writes.prepare(write, limits=journal)
        case JournalClear():
            return journal_writes.prepare_clear(write)
        case _:
            raise AssertionError(f"no such write: {type(write).__name__}")


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
