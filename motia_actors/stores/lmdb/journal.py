"""The journal in LMDB. journal: name16(kind) number(8) -> record, a ring for each kind."""

from __future__ import annotations

import functools

from motia_actors.journal import Journal, JournalRecord
from motia_actors.store import JournalAppend, JournalClear
from motia_actors.stores.limits import RingLimits
from motia_actors.stores.lmdb import keys, ring
from motia_actors.stores.lmdb.env import Environment
from motia_actors.stores.lmdb.work import Operation, Work, last_number

_prefix_of = functools.lru_cache(maxsize=16)(keys.name16)  # There are few kinds.


def prepare(write: JournalAppend, *, limits: RingLimits) -> Operation:
    """Make a record ready."""
    prefix = _prefix_of(write.kind)
    return lambda work: ring.append(
        work, work.tables.journal, write.record, prefix=prefix, limits=limits
    )


def prepare_clear(write: JournalClear) -> Operation:
    """Make a clearance ready."""
    prefix = _prefix_of(write.kind)

    def apply(work: Work) -> int:
        # First look, then remove: what is removed must not be under the cursor.
        found: list[bytes] = []
        count = 0
        cursor = work.txn.cursor(work.tables.journal)
        is_there = cursor.set_range(prefix)
        while is_there and cursor.key().startswith(prefix):
            found.append(cursor.key())
            count += bool(ring.value_of(cursor.value()))
            is_there = cursor.next()
        for key in found[:-1]:
            work.txn.delete(key, db=work.tables.journal)
        if found:
            # An empty record holds the place of the last number, so that the next is a new one.
            ring.empty_at(work, work.tables.journal, found[-1])
        return count

    return apply


class LmdbJournal(Journal):
    """Reads of what was logged and traced."""

    def __init__(self, env: Environment) -> None:
        self._env = env

    def tail(self, kind: str, *, count_max: int) -> list[bytes]:
        """The newest records of the kind, oldest of them first."""
        return [one.record for one in self.after(kind, after_seq=0, count_max=count_max)]

    def after(self, kind: str, *, after_seq: int, count_max: int) -> list[JournalRecord]:
        """The newest records of the kind with seq > after_seq, oldest of them first."""
        prefix, table = _prefix_of(kind), self._env.tables.journal
        with self._env.read() as txn:
            first = max(after_seq, last_number(txn, table, prefix) - count_max)
            rows = ring.rows_after(txn, table, first, prefix=prefix, count_max=count_max)
        return [JournalRecord(number, record) for number, record in rows if record]
