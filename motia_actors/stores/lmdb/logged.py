"""What the logs of processes have that LMDB has not: deliveries that never became rows.

A log is a sequence of puts and ends. What was put and has not ended is at work in the process of
the log, or died with it.
"""

from __future__ import annotations

import contextlib
import os
import struct
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from motia_actors.errors import StoreError
from motia_actors.messages import Delivery, Event
from motia_actors.store import Write
from motia_actors.stores.limits import SETTLING
from motia_actors.stores.lmdb import keys, wal
from motia_actors.stores.lmdb.transaction import Transaction
from motia_actors.stores.lmdb.wal import Follower, Wal
from motia_actors.stores.lmdb.work import Work
from motia_actors.threads import allocate_lock

T = TypeVar("T")

Place = tuple[bytes, int]
"""Whose log a delivery is in, and its number there."""

_ENDED = b"ended "
_SETTLE_NS = 5_000_000_000
_token = struct.Struct(">Q")  # Those of rows are longer.


class Put(msgspec.Struct, array_like=True, tag="put", frozen=True):
    """Deliveries of an event, with numbers from `number` on, one for each step.

    `at_s` is by the machine's monotonic clock, which all its processes share.
    """

    number: int
    at_s: float
    put_s: float
    steps: Sequence[str]
    event: Event


class Ended(msgspec.Struct, array_like=True, tag="ended", frozen=True):
    """Deliveries that are done or became rows, at_s or before."""

    at_s: float
    numbers: list[int]


encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Put | Ended).decode


def deliveries_of(put: Put) -> list[Delivery]:
    """The deliveries of a put, as they are handed over for the first time."""
    event, put_s, number = put.event, put.put_s, put.number
    deliveries: list[Delivery] = []
    for step in put.steps:
        token = _token.pack(number)
        deliveries.append(Delivery(event=event, step=step, attempt=1, put_s=put_s, token=token))
        number += 1
    return deliveries


def number_of(delivery: Delivery) -> int:
    """The number of a delivery that has no row; 0 for one that has."""
    token = delivery.token
    return int(_token.unpack(token)[0]) if len(token) == _token.size else 0


def ends_of(writes: Sequence[Write[object]]) -> tuple[Delivery, ...]:
    """The deliveries without rows that the writes end or make rows."""
    return tuple(
        write.delivery
        for write in writes
        if isinstance(write, SETTLING) and number_of(write.delivery)
    )


def left_in(path: Path) -> dict[int, Delivery]:
    """The deliveries by number in a log that does not say they ended.

    Raises:
        StoreError: it cannot be read.
    """
    return {number: one.delivery for number, one in _read(path).items() if one.ended_s is None}


class Others:
    """What other processes have without rows, as their logs tell; none of it changes a thing here.

    Args:
        folder: Where the logs are.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = allocate_lock()
        self._watched: dict[bytes, _Watched] = {}

    def steps(self, *, but: bytes) -> Counter[str]:
        """Count the deliveries at work by their steps, but for those of one owner.

        A log that cannot be read counts for nothing here: whoever frees it says what is wrong.
        """
        counted: Counter[str] = Counter()
        with self._lock:
            owners = [owner for owner in wal.owners_of(self._folder) if owner != but]
            self._watched = {owner: self._of(owner) for owner in owners}
            for watched in self._watched.values():
                with contextlib.suppress(OSError, msgspec.MsgspecError):
                    watched.look()
                counted.update(watched.live.values())
        return counted

    def _of(self, owner: bytes) -> _Watched:
        known = self._watched.get(owner)
        return known or _Watched(wal.path_of(self._folder, owner))


class _Watched:
    """The log of one process, and the steps of the deliveries in it that have not ended."""

    def __init__(self, path: Path) -> None:
        self.live: dict[int, str] = {}
        self._path, self._follower = path, Follower(path)
        self._read_ns = 0

    def look(self) -> None:
        """Read on, where the log has changed."""
        changed_ns = self._path.stat().st_mtime_ns
        if changed_ns == self._read_ns:
            return
        # What is written past the cache comes a while after the time of its write, and a change
        # in the same tick of the file system's clock would look like none.
        self._read_ns = changed_ns if time.time_ns() - changed_ns > _SETTLE_NS else 0
        is_all, records = self._follower.read()
        if is_all:
            self.live.clear()
        for record in map(_decode, records):
            match record:
                case Put(number=number, steps=steps):
                    self.live.update(enumerate(steps, start=number))
                case Ended(numbers=numbers):
                    for number in numbers:
                        self.live.pop(number, None)


# What ends with a commit is said within it, in a row for each owner, since a process may die
# before its log says so too. The row holds the last of them, those before are in the log.


def end_within(work: Work, owner: bytes, numbers: Iterable[int]) -> None:
    """Say that of the owner's deliveries these ended."""
    record = b"".join(map(keys.number, sorted(numbers)))
    work.txn.put(_ENDED + owner, record, db=work.tables.meta)


def ended_within(work: Work, owner: bytes) -> set[int]:
    """Read what end_within said last."""
    return _numbers(work.txn.get(_ENDED + owner, db=work.tables.meta) or b"")


def ended_in(rows: Iterable[tuple[bytes, bytes]]) -> set[Place]:
    """What end_within said last of each owner, among the rows of the table meta."""
    return {
        (key[len(_ENDED) :], number)
        for key, record in rows
        if key.startswith(_ENDED)
        for number in _numbers(record)
    }


def _numbers(record: bytes) -> set[int]:
    return {keys.to_number(record[at : at + 8]) for at in range(0, len(record), 8)}


def forget(work: Work, owner: bytes) -> None:
    """Forget what end_within said, where the owner's log is gone."""
    work.txn.delete(_ENDED + owner, db=work.tables.meta)


def owners_in(txn: Transaction, table: object) -> set[bytes]:
    """The owners of whom end_within said something, in the table meta."""
    found: set[bytes] = set()
    cursor = txn.cursor(table)
    is_there = cursor.set_range(_ENDED)
    while is_there and cursor.key().startswith(_ENDED):
        found.add(cursor.key()[len(_ENDED) :])
        is_there = cursor.next()
    return found


def left_beside(folder: Path, pin: Callable[[], T]) -> tuple[T, dict[Place, Delivery]]:
    """Pin a commit of LMDB, and find what the logs had then and did not say had ended.

    What ended while this looks may be among it: then it runs once more for whoever reads it.

    Raises:
        StoreError: a log cannot be read.
    """
    before = dict(_read_all(folder))
    begun_s = time.monotonic()
    pinned = pin()
    pinned_s = time.monotonic()
    # A region that was begun anew meanwhile is known from before.
    known = before | dict(_read_all(folder))
    # Only times of what happened since are compared: a machine's clock begins anew at its start.
    left = {
        place: one.delivery
        for place, one in known.items()
        if (before[place].ended_s is None if place in before else one.at_s <= pinned_s)
        and (one.ended_s is None or one.ended_s >= begun_s)
    }
    return pinned, left


def write(folder: Path, deliveries: Iterable[Delivery]) -> None:
    """Write a log, as of a process that died, for each few thousand deliveries; flush them.

    Raises:
        OSError: there is no room for them.
    """
    left = list(deliveries)
    while left:
        log = Wal(folder, is_synced=True)
        log.open(os.urandom(8))
        log.turn()
        while left:
            one = left[-1]
            record = encode(Put(len(left), 0.0, one.put_s, (one.step,), one.event))
            if not log.append([record]):
                break
            left.pop()
        log.abandon()


class _Seen(msgspec.Struct):
    delivery: Delivery
    at_s: float
    ended_s: float | None = None


def _read(path: Path) -> dict[int, _Seen]:
    seen: dict[int, _Seen] = {}
    ended: dict[int, float] = {}
    try:
        for record in map(_decode, wal.read(path)):
            match record:
                case Put() as put:
                    for one in deliveries_of(put):
                        seen[number_of(one)] = _Seen(one, put.at_s)
                case Ended(at_s=at_s, numbers=numbers):
                    ended.update(dict.fromkeys(numbers, at_s))
    except (OSError, msgspec.MsgspecError) as error:
        raise StoreError(f"cannot read the log {path}: {error}") from error
    for number, at_s in ended.items():
        if number in seen:
            seen[number].ended_s = at_s
    return seen


def _read_all(folder: Path) -> Iterator[tuple[Place, _Seen]]:
    for owner in wal.owners_of(folder):
        for number, one in _read(wal.path_of(folder, owner)).items():
            yield (owner, number), one
