"""State in LMDB.

state: name16(group) name16(key) -> key text, value.  state_groups: name16(group) -> group text.
"""

from __future__ import annotations

from motia_actors.errors import ConflictError
from motia_actors.store import (
    State,
    StateChange,
    StateClear,
    StateDelete,
    StateExpect,
    StateItem,
    StateSet,
)
from motia_actors.stores.lmdb import keys
from motia_actors.stores.lmdb.env import Environment
from motia_actors.stores.lmdb.transaction import Transaction
from motia_actors.stores.lmdb.work import Operation, Work, first_with


def prepare(
    write: StateSet | StateChange | StateDelete | StateClear | StateExpect,
) -> Operation:
    """Make a write of the state ready."""
    match write:
        case StateSet():
            return _setting(write)
        case StateChange():
            return _changing(write)
        case StateDelete():
            return _deleting(write)
        case StateClear():
            return _clearing(write)
        case StateExpect():
            return _expecting(write)


def _setting(write: StateSet) -> Operation:
    group16, group = keys.name16(write.group), keys.to_bytes(write.group)
    key, record = group16 + keys.name16(write.key), keys.named(write.key, write.value)

    def apply(work: Work) -> None:
        work.txn.put(key, record, db=work.tables.state)
        # The empty group is text too, and LMDB keeps empty values in plain tables.
        work.txn.put(group16, group, db=work.tables.state_groups, overwrite=False)

    return apply


def _changing(write: StateChange) -> Operation:
    group16, group = keys.name16(write.group), keys.to_bytes(write.group)
    key = group16 + keys.name16(write.key)

    def apply(work: Work) -> bytes | None:
        record = work.txn.get(key, db=work.tables.state)
        value = write.applied_to(None if record is None else keys.value_of(record))
        if value is not None:
            work.txn.put(key, keys.named(write.key, value), db=work.tables.state)
            work.txn.put(group16, group, db=work.tables.state_groups, overwrite=False)
        return value

    return apply


def _deleting(write: StateDelete) -> Operation:
    group16 = keys.name16(write.group)
    key = group16 + keys.name16(write.key)

    def apply(work: Work) -> bytes | None:
        record = work.txn.pop(key, db=work.tables.state)
        if record is None:
            return None
        if first_with(work.txn, work.tables.state, group16) is None:
            work.txn.delete(group16, db=work.tables.state_groups)
        return keys.value_of(record)

    return apply


def _clearing(write: StateClear) -> Operation:
    group16 = keys.name16(write.group)

    def apply(work: Work) -> int:
        count = 0
        cursor = work.txn.cursor(work.tables.state)
        # After delete the cursor stands on the next row.
        is_there = cursor.set_range(group16)
        while is_there and cursor.key().startswith(group16):
            count += 1
            is_there = cursor.delete()
        work.txn.delete(group16, db=work.tables.state_groups)
        return count

    return apply


def _expecting(write: StateExpect) -> Operation:
    key = keys.name16(write.group) + keys.name16(write.key)

    def apply(work: Work) -> None:
        record = work.txn.get(key, db=work.tables.state)
        if (None if record is None else keys.value_of(record)) != write.value:
            raise ConflictError(write.group, write.key)

    return apply


class LmdbState(State):
    """Reads of the state, each from a snapshot of its own."""

    def __init__(self, env: Environment) -> None:
        self._env = env

    def get(self, group: str, key: str) -> bytes | None:
        """The value, or None where there is none."""
        with self._env.read() as txn:
            record = txn.get(keys.name16(group) + keys.name16(key), db=self._env.tables.state)
        return None if record is None else keys.value_of(record)

    def group(self, group: str) -> list[StateItem]:
        """All values of the group, sorted by key."""
        with self._env.read() as txn:
            return self._group(txn, group)

    def keys(self, group: str) -> list[str]:
        """The keys of the group, sorted."""
        return [item.key for item in self.group(group)]

    def items(self, *, count_max: int) -> list[StateItem]:
        """Values of all groups, sorted by group and key."""
        items: list[StateItem] = []
        with self._env.read() as txn:
            names = sorted(keys.to_text(n) for _, n in txn.cursor(self._env.tables.state_groups))
            for name in names:
                if len(items) >= count_max:
                    break
                items += self._group(txn, name)
        return items[:count_max]

    def _group(self, txn: Transaction, group: str) -> list[StateItem]:
        group16 = keys.name16(group)
        items = []
        cursor = txn.cursor(self._env.tables.state)
        if cursor.set_range(group16):
            for key, record in cursor:
                if not key.startswith(group16):
                    break
                name, value = keys.split_named(record)
                items.append(StateItem(group=group, key=name, value=value))
        items.sort(key=lambda item: item.key)
        return items
