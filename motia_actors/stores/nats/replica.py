"""A process' own copy of everything, made by doing what the log says, in the log's order.

Whatever an entry does depends on the entry and on what stood before it, on nothing else: no
clock, no limit in bytes, no chance. So all copies are alike at the same place in the log, and
each process answers its own writes and reads from its own copy.

The copy is not flushed: a crash of the process loses nothing of it, and after a crash of the
machine it is made anew. In `meta`, beside LMDB's own rows:

log: seq(8) of the last message that was done.
origin: origin(8) -> number(8) of its last message.
part: origin(8) number(8) -> a part of an entry whose last part has not come.
lock: name16 -> origin(8) of who holds it.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from motia_actors.errors import (
    ConflictError,
    InvalidInputError,
    LeaseLostError,
    MotiaError,
    PayloadTooLargeError,
    QueueFullError,
    StoreError,
    StoreFullError,
    UsageError,
)
from motia_actors.messages import Wake
from motia_actors.store import Write
from motia_actors.stores.limits import RingLimits
from motia_actors.stores.lmdb import events, keys, load, operations
from motia_actors.stores.lmdb.env import Environment
from motia_actors.stores.lmdb.transaction import Transaction
from motia_actors.stores.lmdb.work import Work
from motia_actors.stores.nats import entries
from motia_actors.stores.nats.entries import (
    Import,
    ItemExpect,
    LockDrop,
    LockHold,
    Message,
    OwnerDead,
)

_LOG, _ORIGIN, _PART, _LOCK = b"log", b"origin:", b"part:", b"lock:"
_REFUSALS = (
    ConflictError,
    InvalidInputError,
    LeaseLostError,
    PayloadTooLargeError,
    QueueFullError,
    UsageError,
)


class StaleItemError(StoreError):
    """An item was changed between the look at it and the write; the proposer looks again."""


class ImportRefusedError(StoreError):
    """A dump is damaged, or the store holds something already; nothing of it was taken."""


class Done(msgspec.Struct, frozen=True):
    """What became of an entry: for each commit its answers, or why it was refused."""

    origin: bytes
    number: int
    outcomes: list[list[object] | MotiaError]


class Replica:
    """The copy. One thread does what the log says, any thread reads."""

    def __init__(
        self, path: Path, *, bytes_max: int, journal: RingLimits, changes: RingLimits
    ) -> None:
        self.env = Environment(path, bytes_max=bytes_max, is_synced=False)
        self.seq = 0
        """The last message of the log that was done."""
        self._journal, self._changes = journal, changes
        self._numbers: dict[bytes, int] = {}

    def open(self) -> None:
        """Open it where it was left."""
        self.env.open()
        with self.env.read() as txn:
            self.seq = keys.to_number(txn.get(_LOG, db=self.env.tables.meta) or b"")
            found = _rows(txn, self.env.tables.meta, _ORIGIN)
            self._numbers = {key: keys.to_number(record) for key, record in found}

    def close(self) -> None:
        """Let go of it."""
        self.env.close()

    def copy_to(self, folder: Path) -> int:
        """Write a copy to a new folder while it is used; answers its place in the log.

        Raises:
            StoreClosedError: it was closed, or copies were stopped, before the copy was whole.
            StoreError: there is no room for it.
        """
        folder.mkdir(parents=True, mode=0o700)
        self.env.copy(folder)
        copy = Environment(folder, bytes_max=self.env.bytes_max, is_synced=False)
        copy.open()
        try:
            with copy.read() as txn:
                return keys.to_number(txn.get(_LOG, db=copy.tables.meta) or b"")
        finally:
            copy.close()

    def number_of(self, origin: bytes) -> int:
        """The number of the origin's last message that was done, 0 before the first."""
        return self._numbers.get(origin, 0)

    def lock_holder(self, name: str) -> bytes | None:
        """Who holds the lock."""
        with self.env.read() as txn:
            return txn.get(_LOCK + keys.name16(name), db=self.env.tables.meta)

    def lock_holders(self) -> set[bytes]:
        """Who holds any lock."""
        with self.env.read() as txn:
            return {record for _, record in _rows(txn, self.env.tables.meta, _LOCK)}

    def apply(self, messages: Sequence[Message]) -> tuple[list[Done], Wake]:
        """Do what the messages say, all of them in one transaction.

        Messages that came before, or after one that is missing, are passed over.

        Raises:
            StoreFullError: there is no room for it; nothing was done, and it may be tried again.
            StoreError: a message cannot be read; the copy must not be used any more.
        """
        numbers: dict[bytes, int] = {}
        done: list[Done] = []
        steps: set[str] = set()
        streams: set[str] = set()
        seq = self.seq
        with self.env.write() as txn:
            for message in messages:
                seq = message.seq
                before = numbers.get(message.origin, self._numbers.get(message.origin, 0))
                if message.number != before + 1:
                    continue
                numbers[message.origin] = message.number
                body = self._whole(txn, message)
                if body is not None:
                    outcomes, work = self._do(txn, message, body, numbers)
                    done.append(Done(message.origin, message.number, outcomes))
                    steps |= work.steps
                    streams |= work.streams
            meta = self.env.tables.meta
            for origin, number in numbers.items():
                txn.put(_ORIGIN + origin, keys.number(number), db=meta)
            txn.put(_LOG, keys.number(seq), db=meta)
        self._numbers.update(numbers)
        self.seq = seq
        return done, Wake(steps=tuple(sorted(steps)), streams=tuple(sorted(streams)))

    def _whole(self, txn: Transaction, message: Message) -> bytes | None:
        """The entry's bytes, or None while parts of it are missing."""
        if message.part == 0 and message.is_last:
            return message.body
        meta, prefix = self.env.tables.meta, _PART + message.origin
        if not message.is_last:
            txn.put(prefix + keys.number(message.number), message.body, db=meta)
            return None
        first = message.number - message.part
        parts = []
        for number in range(first, message.number):
            part = txn.pop(prefix + keys.number(number), db=meta)
            assert part is not None, "numbers have no gaps"
            parts.append(part)
        return b"".join([*parts, message.body])

    def _do(
        self, txn: Transaction, message: Message, body: bytes, numbers: dict[bytes, int]
    ) -> tuple[list[list[object] | MotiaError], Work]:
        entry = entries.decode(body)
        work = Work(txn, self.env.tables, now_s=entry.now_s, owner=message.origin)
        outcomes: list[list[object] | MotiaError] = []
        for commit in entry.commits:
            mark = work.mark()
            try:
                with self.env.part(txn) as work.txn:
                    outcomes.append([self._answer(work, write, numbers) for write in commit])
            except (*_REFUSALS, StaleItemError, ImportRefusedError) as error:
                work.go_back(mark)
                outcomes.append(error)
            finally:
                work.txn = txn
        work.finish()
        return outcomes, work

    def _answer(self, work: Work, write: Write[object], numbers: dict[bytes, int]) -> object:
        meta = work.tables.meta
        match write:
            case ItemExpect():
                key = keys.pair16(write.stream, write.group) + keys.name16(write.item_id)
                record = work.txn.get(key, db=work.tables.stream_items)
                if (None if record is None else record[8:]) != write.item:
                    raise StaleItemError(f"stream item {write.item_id!r} was changed meanwhile")
                return None
            case LockHold(name=name):
                work.txn.put(_LOCK + keys.name16(name), work.owner, db=meta, overwrite=False)
                return work.txn.get(_LOCK + keys.name16(name), db=meta) == work.owner
            case LockDrop(name=name):
                if work.txn.get(_LOCK + keys.name16(name), db=meta) == work.owner:
                    work.txn.delete(_LOCK + keys.name16(name), db=meta)
                return None
            case OwnerDead(owner=owner, number=number):
                said = numbers.get(owner, self._numbers.get(owner, 0))
                if owner != work.owner and said != number:
                    return 0
                for key, holder in list(_rows(work.txn, meta, _LOCK)):
                    if holder == owner:
                        work.txn.delete(_LOCK + key, db=meta)
                return events.free_owner(work, owner)
            case Import():
                return self._import(work, write)
            case _:
                prepared = operations.prepare(write, journal=self._journal, changes=self._changes)
                return prepared(work)

    def _import(self, work: Work, write: Import) -> dict[str, int]:
        try:
            if not write.is_merge:
                load.expect_empty(self.env, work)
            return load.put_all(work, io.BytesIO(write.dump))
        except StoreFullError:
            raise
        except StoreError as error:
            raise ImportRefusedError(str(error)) from error


def _rows(txn: Transaction, table: object, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Rows whose key begins with prefix, without it."""
    cursor = txn.cursor(table)
    is_there = cursor.set_range(prefix)
    while is_there and cursor.key().startswith(prefix):
        yield cursor.key()[len(prefix) :], cursor.value()
        is_there = cursor.next()
