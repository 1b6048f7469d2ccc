"""The journal in LMDB. journal: name16(kind) number(8) -> record, a ring for each kind."""

from __future__ import annotations

from motia_actors.store import Journal, JournalAppend
from motia_actors.stores.lmdb import keys
from motia_actors.stores.lmdb.env import Environment
from motia_actors.stores.lmdb.work import Operation, append, last_number


def prepare(write: JournalAppend, *, count_max: int) -> Operation:
    """Make a record ready."""
    prefix = keys.name16(write.kind)
    return lambda work: append(
        work, work.tables.journal, write.record, prefix=prefix, count_max=count_max
    )


class LmdbJournal(Journal):
    """Reads of what was logged and traced."""

    def __init__(self, env: Environment) -> None:
        self._env = env

    def tail(self, kind: str, *, count_max: int) -> list[bytes]:
        """The newest records of the kind, oldest of them first."""
        prefix = keys.name16(kind)
        records: list[bytes] = []
        with self._env.read() as txn:
            last = last_number(txn, self._env.tables.journal, prefix)
            cursor = txn.cursor(self._env.tables.journal)
            is_there = cursor.set_range(prefix + keys.number(max(0, last - count_max + 1)))
            while is_there and len(records) < count_max and cursor.key().startswith(prefix):
                records.append(cursor.value())
                is_there = cursor.next()
        return records
