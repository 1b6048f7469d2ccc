"""The LMDB store: the parts of this package put together in one folder.

db/      the environment; nothing else may open a file in there, least of all lock.mdb
owners/  one locked file for each living process
locks/   one file for each lock, and `in_use`, which every living process shares
wake/    one socket for each living process
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from motia_actors.clock import Clock
from motia_actors.errors import MotiaError, StoreClosedError, StoreError
from motia_actors.promise import Promise
from motia_actors.store import (
    Ack,
    EventQueue,
    Journal,
    Locks,
    Notifier,
    State,
    Store,
    Streams,
    Write,
)
from motia_actors.stores import limits
from motia_actors.stores.limits import RingLimits
from motia_actors.stores.lmdb import disk, events
from motia_actors.stores.lmdb.env import Environment
from motia_actors.stores.lmdb.folder import FolderLock
from motia_actors.stores.lmdb.journal import LmdbJournal
from motia_actors.stores.lmdb.locks import FileLocks
from motia_actors.stores.lmdb.notifier import SocketNotifier
from motia_actors.stores.lmdb.operations import may_refuse, prepare
from motia_actors.stores.lmdb.owners import Owners
from motia_actors.stores.lmdb.queue import LmdbEvents
from motia_actors.stores.lmdb.state import LmdbState
from motia_actors.stores.lmdb.streams import LmdbStreams
from motia_actors.stores.lmdb.work import Work
from motia_actors.stores.lmdb.writer import Batch, Commit, Writer


class LmdbStore(Store):
    """One folder, shared by any number of processes; each opens it once, after any fork."""

    def __init__(
        self,
        path: Path,
        clock: Clock,
        *,
        map_bytes_max: int = 64 * 2**30,
        value_bytes_max: int = limits.VALUE_BYTES_MAX,
        journal: RingLimits = limits.JOURNAL,
        changes: RingLimits = limits.CHANGES,
        waiting_bytes_max: int = 64 * 2**20,
        unsafe_no_sync: bool = False,
    ) -> None:
        """Make it, still closed.

        Args:
            path: The data folder, on a disk of this machine; made where it is missing.
            clock: What tells when something is due.
            map_bytes_max: Bytes of data at which growing writes are refused.
            value_bytes_max: Bytes of one value, event or record.
            journal: What is kept of each kind of record.
            changes: What is kept of stream changes for those who catch up.
            waiting_bytes_max: Bytes that may wait for the writer.
            unsafe_no_sync: For tests only: a power cut may destroy the whole file.
        """
        self.value_bytes_max = value_bytes_max
        self._journal_limits, self._changes_limits = journal, changes
        self._pid = 0
        self._env = Environment(path / "db", bytes_max=map_bytes_max, is_synced=not unsafe_no_sync)
        self._folder = FolderLock(path)
        self._owners = Owners(path / "owners")
        self._locks = FileLocks(path / "locks")
        self._notifier = SocketNotifier(path / "wake")
        self._writer = Writer(
            self._env,
            clock,
            waiting_bytes_max=waiting_bytes_max,
            tell=self._notifier.tell,
            taker=lambda: self.taker,
        )
        self.state: State = LmdbState(self._env, clock)
        self.streams: Streams = LmdbStreams(self._env)
        self.events: EventQueue = LmdbEvents(self._env, clock, self._owners, self._free)
        self.journal: Journal = LmdbJournal(self._env)
        self.locks: Locks = self._locks
        self.notifier: Notifier = self._notifier

    def open(self) -> None:
        """Open the folder in this process, after any fork.

        Raises:
            StoreCorruptError: the data file is damaged or not ours; it was left as it is.
            StoreError: another LmdbStore of this process has it open, its files are being
                replaced, it is on a disk that other machines share, or the system refused.
        """
        disk.check(self._env.path.parent)
        try:
            self._folder.share()
        except OSError as error:
            raise self._not_open(error) from error
        try:
            self._env.open()
        except BaseException:
            self._folder.release()
            raise
        try:
            self._owners.open()
            self._locks.open()
            self._notifier.open(self._owners.id)
        except OSError as error:
            self._let_go()
            raise self._not_open(error) from error
        self._writer.open(self._owners.id)
        self._pid = os.getpid()

    def commit(
        self, writes: Sequence[Write[object]], *, may_use_reserve: bool = False
    ) -> Promise[list[object]]:
        """Queue the writes for the writer; the promise is kept once they are on disk."""
        if self._pid != os.getpid():
            return Promise.broken(StoreClosedError("the store is not open in this process"))
        try:
            size_bytes = limits.check(writes, value_bytes_max=self.value_bytes_max)
        except MotiaError as error:
            return Promise.broken(error)
        is_patient = len(writes) == 1 and _is_patient(writes[0])
        promise = Promise[list[object]]() if is_patient else Commit(self._writer)
        operations = [
            prepare(write, journal=self._journal_limits, changes=self._changes_limits)
            for write in writes
        ]
        is_refusable = len(writes) > 1 and any(may_refuse(write) for write in writes)
        self._writer.put(
            Batch(operations, size_bytes, promise, is_refusable, may_use_reserve, is_patient)
        )
        return promise

    def commit_waiting(self, *, wait_s: float) -> int:
        """Commit all that waits as one, or wait up to wait_s for something.

        Raises:
            StoreClosedError: the store was closed.
            StoreError: the environment failed and must be opened anew.
        """
        return self._writer.commit_waiting(wait_s=wait_s)

    def statistics(self) -> dict[str, float]:
        """Commits, batches in them, what waits, bytes used, allowed and mapped, and rows."""
        with self._env.read() as txn:
            bytes_used = self._env.bytes_used(txn)
            rows = self._env.rows(txn)
        return {
            "commits": self._writer.commits,
            "batches": self._writer.batches,
            "waiting": self._writer.waiting,
            "waiting_bytes": self._writer.waiting_bytes,
            "bytes_used": bytes_used,
            "bytes_max": self._env.bytes_max,
            "bytes_reserve": self._env.reserve_bytes,
            "map_bytes": self._env.map_bytes(),
            "value_bytes_max": self.value_bytes_max,
            **{f"rows_{table}": count for table, count in rows.items()},
        }

    def close(self) -> None:
        """Commit what waits, then let go of files, locks and the socket."""
        if self._pid != os.getpid():
            return
        try:
            self._writer.close()
        finally:
            self._pid = 0
            self._let_go()

    def _not_open(self, error: OSError) -> StoreError:
        return StoreError(f"cannot open the store in {self._env.path.parent}: {error}")

    def _let_go(self) -> None:
        self._notifier.close()
        self._locks.close()
        self._env.close()
        self._owners.close()
        self._folder.release()

    def _free(self, owners: list[bytes]) -> int:
        def apply(work: Work) -> int:
            return sum(events.free_owner(work, owner) for owner in owners)

        freed: Any = self._writer.run(apply)
        return int(freed)


def _is_patient(write: Write[object]) -> bool:
    """Nobody waits for the write: an acknowledgement that lets no other delivery go."""
    return write.__class__ is Ack and write.delivery.event.group_id is None
