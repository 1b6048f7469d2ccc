"""The journal in LMDB. journal: name16(kind) number(8) -> record, a ring for each kind."""

from __future__ import annotations

from motia_actors.journal import Journal, JournalRecord
from motia_actors.store import JournalAppend, JournalClear
from motia_actors.stores.lmdb import keys
from motia_actors.stores.lmdb.env import Environment
from motia_actors.stores.lmdb.work import Operation, Work, append, last_number


def prepare(write: JournalAppend, *, count_max: int) -> Operation:
    """Make a record ready."""
    prefix = keys.name16(write.kind)
    return lambda work: append(
        work, work.tables.journal, write.record, prefix=prefix, count_max=count_max
    )


def prepare_clear(write: JournalClear) -> Operation:
    """Make a clearance ready."""
    prefix = keys.name16(write.kind)

    def apply(work: Work) -> int:
        # First look, then remove: what is removed must not be under the cursor.
        found: list[bytes] = []
        count = 0
        cursor = work.txn.cursor(work.tables.journal)
        is_there = cursor.set_range(prefix)
        while is_there and cursor.key().startswith(prefix):
            found.append(cursor.key())
            count += bool(cursor.value())
            is_there = cursor.next()
        for key in found:
            work.txn.delete(key, db=work.tables.journal)
        if found:
            # An empty record holds the place of the last number, so that the next is a new one.
            work.txn.put(found[-1], b"", db=work.tables.journal)
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
        prefix = keys.name16(kind)
        records: list[JournalRecord] = []
        with self._env.read() as txn:
            last = last_number(txn, self._env.tables.journal, prefix)
            cursor = txn.cursor(self._env.tables.journal)
            first = max(after_seq, last - count_max) + 1
            is_there = cursor.set_range(prefix + keys.number(first))
            while is_there and len(records) < count_max and cursor.key().startswith(prefix):
                if value := cursor.value():
                    records.append(JournalRecord(keys.to_number(cursor.key()[16:]), value))
                is_there = cursor.next()
        return records
