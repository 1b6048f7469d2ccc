"""A folder with some of everything, and what the tools of a data folder say of it."""

from __future__ import annotations

import io
from pathlib import Path

import msgspec

from motia_actors.clock import SystemClock
from motia_actors.messages import Target, Trace
from motia_actors.store import (
    Bury,
    CronFire,
    EventPut,
    JournalAppend,
    Retry,
    StateSet,
    Store,
    StreamSet,
)
from motia_actors.stores.lmdb import LmdbStore
from motia_actors.stores.lmdb.export import export
from motia_actors.stores.lmdb.load import import_
from tests.stores.driving import an_event, driven, lease, put, put_fifo

BYTES_MAX = 2**30
ODD_TEXTS = ("", "g", "a longer name\n with lines", "\ud800 half a pair", "ü" * 300)


def a_store(path: Path) -> LmdbStore:
    return LmdbStore(path, SystemClock(), unsafe_no_sync=True)


def fill(store: Store) -> None:
    """Some of everything that a store keeps, leases and retries included."""
    for text in ODD_TEXTS:
        store.write(StateSet(group=text, key=text, value=b'{"a":1}'))
        store.write(StreamSet(stream=text, group=text, item_id=text, data=b"[1]"))
    store.write(StateSet(group="g", key="large", value=b"x" * 50_000))
    store.write(StateSet(group="g", key="ends", value=b"1", ttl_s=900.0))
    for item in "cab":
        store.write(StreamSet(stream="s", group="g", item_id=item, data=item.encode()))
    put(store, "two", Target(step="charge"), Target(step="ship", delay_s=900.0))
    for number in range(4):
        put_fifo(store, f"fifo{number}", "room")
    (first, *_) = lease(store, count_max=1)
    store.write(Retry(delivery=first, delay_s=0.0))
    put(store, "dead", Target(step="doomed"))
    (doomed,) = lease(store, step="doomed")
    store.write(Bury(delivery=doomed, error="it \ud800 broke", stack="line 1\nline 2"))
    lease(store, count_max=1, visibility_s=900.0)
    run = msgspec.structs.replace(an_event("run"), trace=Trace("a" * 32, "b" * 16))
    store.write(CronFire(step="tick", slot_s=60.0, event=run, allow_overlap=False))
    store.write(EventPut(event=an_event("odd", data=b"\xff no JSON"), targets=(Target(step="x"),)))
    later = an_event("later", group_id="room")
    for is_fifo in (True, False):
        target = Target(step="charge", is_fifo=is_fifo)
        store.write(EventPut(event=later, targets=(target,), not_before_s=2e9))
    store.write(EventPut(event=an_event("once"), targets=(Target(step="x"),), dedupe_key="k"))
    store.write(JournalAppend(kind="log", record=b'{"level":"info"}'))


def filled(path: Path) -> Path:
    with driven(a_store(path)) as store:
        fill(store)
    return path


def dump(path: Path) -> bytes:
    stream = io.BytesIO()
    export(path, stream, has_journal=True)
    return stream.getvalue()


def load(path: Path, lines: bytes, *, is_merge: bool = False) -> dict[str, int]:
    return import_(path, io.BytesIO(lines), bytes_max=BYTES_MAX, is_merge=is_merge)
