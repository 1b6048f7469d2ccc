"""An LMDB store with a thread that commits, as the writer actor does."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

from motia_actors.clock import SystemClock
from motia_actors.errors import StoreClosedError
from motia_actors.stores.lmdb.store import LmdbStore

COMMIT_WAIT_S = 0.2


@contextlib.contextmanager
def committing_store(path: Path, *, map_bytes_max: int) -> Iterator[LmdbStore]:
    """Open a store, and close it with its thread."""
    store = LmdbStore(path, SystemClock(), map_bytes_max=map_bytes_max)
    store.open()

    def commit() -> None:
        with contextlib.suppress(StoreClosedError):
            while True:
                store.commit_waiting(wait_s=COMMIT_WAIT_S)

    writer = threading.Thread(target=commit)
    writer.start()
    try:
        yield store
    finally:
        store.close()
        writer.join()
