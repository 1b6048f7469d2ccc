"""The LMDB store: the parts of this package put together in one folder.

db/      the environment; nothing else may open a file in there, least of all lock.mdb
owners/  one locked file for each living process
locks/   one file for each lock, and `in_use`, which every living process shares
wake/    one socket for each living process
wal/     one log for each process that took events which were done before they needed a row
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from motia_actors.clock import Clock
from motia_actors.errors import MotiaError, StoreClosedError, StoreError
from motia_actors.messages import Delivery
from motia_actors.promise import Promise
from motia_actors.store import (
    Ack,
    EventPut,
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
from motia_actors.stores.lmdb import disk, events, logged
from motia_actors.stores.lmdb.batch import Batch, Commit, End
from motia_actors.stores.lmdb.env import Environment
from motia_actors.stores.lmdb.express import WAL_FOLDER, Express
from motia_actors.stores.lmdb.folder import FolderLock
from motia_actors.stores.lmdb.journal import LmdbJournal
from motia_actors.stores.lmdb.locks import FileLocks
from motia_actors.stores.lmdb.notifier import SocketNotifier
from motia_actors.stores.lmdb.operations import may_refuse, prepare
from motia_actors.stores.lmdb.owners import Owners
from motia_actors.stores.lmdb.queue import LmdbEvents
from motia_actors.stores.lmdb.state import LmdbState
from motia_actors.stores.lmdb.streams import LmdbStreams
from motia_actors.stores.lmdb.work import Operation, Work
from motia_actors.stores.lmdb.writer import Writer

logger = logging.getLogger(__name__)


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
        self._express = Express(
            clock,
            path / WAL_FOLDER,
            is_synced=not unsafe_no_sync,
            taker=lambda: self.taker,
            bytes_max=value_bytes_max,
        )
        self._writer = Writer(
            self._env,
            clock,
            waiting_bytes_max=waiting_bytes_max,
            tell=self._notifier.tell,
            taker=lambda: self.taker,
            express=self._express,
        )
        self.state: State = LmdbState(self._env, clock)
        self.streams: Streams = LmdbStreams(self._env)
        self.events: EventQueue = LmdbEvents(
            self._env, clock, self._owners, self._express, free=self._free
        )
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
        self._express.open(self._owners.id)
        self._writer.open(self._owners.id)
        self._pid = os.getpid()

    def commit(
        self, writes: Sequence[Write[object]], *, may_use_reserve: bool = False
    ) -> Promise[list[object]]:
        """Queue the writes for the writer; the promise is kept once they are on disk."""
        if self._pid != os.getpid():
            return Promise.broken(StoreClosedError("the store is not open in this process"))
        alone = writes[0] if len(writes) == 1 else None
        if alone.__class__ is Ack and (end := _end(alone)) is not None:
            self._writer.put_end(end)
            return end.promise
        if alone.__class__ is EventPut and (offer := self._express.offer(alone)) is not None:
            # Made ready only where it is needed after all.
            late: Operation = lambda work: self._prepared(alone)(work)  # noqa: E731
            size_bytes = limits.event_bytes(offer.record, deliveries=len(offer.deliveries))
            promise: Promise[list[object]] = Commit(self._writer)
            batch = Batch((late,), size_bytes, promise, False, may_use_reserve, offer=offer)
            self._writer.put(batch)
            return promise
        try:
            size_bytes = limits.check(writes, value_bytes_max=self.value_bytes_max)
        except MotiaError as error:
            return Promise.broken(error)
        # Nobody waits for an acknowledgement that lets no other delivery go.
        is_patient = alone.__class__ is Ack and alone.delivery.event.group_id is None
        promise = Promise() if is_patient else Commit(self._writer)
        is_refusable = alone is None and any(may_refuse(write) for write in writes)
        batch = Batch(
            [self._prepared(write) for write in writes],
            size_bytes,
            promise,
            is_refusable,
            may_use_reserve,
            is_patient,
            ends=logged.ends_of(writes),
        )
        self._writer.put(batch)
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

    def _prepared(self, write: Write[object]) -> Operation:
        return prepare(write, journal=self._journal_limits, changes=self._changes_limits)

    def _not_open(self, error: OSError) -> StoreError:
        return StoreError(f"cannot open the store in {self._env.path.parent}: {error}")

    def _let_go(self) -> None:
        self._notifier.close()
        self._locks.close()
        self._env.close()
        self._owners.close()
        self._folder.release()

    def _free(self, owners: list[bytes]) -> int:
        left: dict[bytes, dict[int, Delivery]] = {}
        for owner in owners:
            try:
                left[owner] = self._express.left_by(owner)
            except StoreError as error:
                logger.error("what a dead process held stays where it is: %s", error)
        freed: Any = self._writer.run(
            lambda work: sum(self._freed(work, *one) for one in left.items())
        )
        for owner in left:
            self._express.forget(owner)
        return int(freed)

    def _freed(self, work: Work, owner: bytes, left: dict[int, Delivery]) -> int:
        """Make due what a dead process held, with rows or without; answers how many deliveries."""
        ended = logged.ended_within(work, owner)
        if not self._express.has_log(owner):
            # Another process has freed it since the log was read, or there was none.
            left = {}
            if ended:
                logged.forget(work, owner)
        elif left:
            # Until its log is gone: whoever comes to it once more finds nothing left.
            logged.end_within(work, owner, {*ended, *left})
        back = [one for number, one in left.items() if number not in ended]
        for delivery in back:
            events.put_back(work, delivery)
        return len(back) + events.free_owner(work, owner)


def _end(ack: Ack) -> End | None:
    """What an acknowledgement of a delivery without a row comes to."""
    number = logged.number_of(ack.delivery)
    return End(number, ack.delivery, Promise()) if number else None
