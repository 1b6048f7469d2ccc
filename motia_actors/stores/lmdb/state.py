"""State in LMDB.

state: name16(group) name16(key) -> key text, value; `values.py` has the rows of those that end.
state_groups: name16(group) -> group text.
"""

from __future__ import annotations

from motia_actors.clock import Clock
from motia_actors.errors import ConflictError
from motia_actors.store import (
    State,
    StateChange,
    StateClear,
    StateDelete,
    StateExpect,
    StateItem,
    StateSet,
    StateSwap,
)
from motia_actors.stores.lmdb import keys, values
from motia_actors.stores.lmdb.env import Environment
from motia_actors.stores.lmdb.transaction import Transaction
from motia_actors.stores.lmdb.work import Operation, Work


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


def put(work: Work, group: str, key: str, value: bytes, *, end_s: float | None) -> None:
    """Put a value that ends at end_s; None is never."""
    group16 = keys.name16(group)
    values.put(work, group16 + keys.name16(key), keys.named(key, value), end_s)
    # The empty group is text too, and LMDB keeps empty values in plain tables.
    work.txn.put(group16, keys.to_bytes(group), db=work.tables.state_groups, overwrite=False)


def _setting(write: StateSet) -> Operation:
    group16, group = keys.name16(write.group), keys.to_bytes(write.group)
    key, record = group16 + keys.name16(write.key), keys.named(write.key, write.value)
    ttl_s = write.ttl_s

    def apply(work: Work) -> None:
        values.put(work, key, record, None if ttl_s is None else work.now_s + ttl_s)
        work.txn.put(group16, group, db=work.tables.state_groups, overwrite=False)

    return apply


def _changing(write: StateChange) -> Operation:
    key = keys.name16(write.group) + keys.name16(write.key)
    ttl_s = write.ttl_s if isinstance(write, StateSwap) else None

    def apply(work: Work) -> bytes | None:
        end_s = None
        record = work.txn.get(key, db=work.tables.state)
        plain = values.living(record, work.now_s)
        if record is not None and plain is not None:
            end_s = values.split_end(record)[1]
        value = write.applied_to(None if plain is None else keys.value_of(plain))
        if value is not None:
            end_s = end_s if ttl_s is None else work.now_s + ttl_s
            put(work, write.group, write.key, value, end_s=end_s)
        return value

    return apply


def _deleting(write: StateDelete) -> Operation:
    group16 = keys.name16(write.group)
    key = group16 + keys.name16(write.key)

    def apply(work: Work) -> bytes | None:
        record = work.txn.pop(key, db=work.tables.state)
        if record is None:
            return None
        values.forget_end_of(work, key, record)
        values.drop_group_if_empty(work, group16)
        plain = values.living(record, work.now_s)
        return None if plain is None else keys.value_of(plain)

    return apply


def _clearing(write: StateClear) -> Operation:
    group16 = keys.name16(write.group)

    def apply(work: Work) -> int:
        count = 0
        cursor = work.txn.cursor(work.tables.state)
        # After delete the cursor stands on the next row.
        is_there = cursor.set_range(group16)
        while is_there and cursor.key().startswith(group16):
            key, record = cursor.item()
            count += values.living(record, work.now_s) is not None
            values.forget_end_of(work, key, record)
            is_there = cursor.delete()
        work.txn.delete(group16, db=work.tables.state_groups)
        return count

    return apply


def _expecting(write: StateExpect) -> Operation:
    key = keys.name16(write.group) + keys.name16(write.key)

    def apply(work: Work) -> None:
        plain = values.living(work.txn.get(key, db=work.tables.state), work.now_s)
        if (None if plain is None else keys.value_of(plain)) != write.value:
            raise ConflictError(write.group, write.key)

    return apply


class LmdbState(State):
    """Reads of the state, each from a snapshot of its own."""

    def __init__(self, env: Environment, clock: Clock) -> None:
        self._env, self._clock = env, clock

    def get(self, group: str, key: str) -> bytes | None:
        """The value, or None where there is none."""
        with self._env.read() as txn:
            record = txn.get(keys.name16(group) + keys.name16(key), db=self._env.tables.state)
        if record is None or record[0] < values.ENDS:  # As most are.
            return None if record is None else keys.value_of(record)
        plain = values.living(record, self._clock.now_s())
        return None if plain is None else keys.value_of(plain)

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
        group16, now_s = keys.name16(group), self._clock.now_s()
        items = []
        cursor = txn.cursor(self._env.tables.state)
        if cursor.set_range(group16):
            for key, record in cursor:
                if not key.startswith(group16):
                    break
                plain = values.living(record, now_s)
                if plain is not None:
                    name, value = keys.split_named(plain)
                    items.append(StateItem(group=group, key=name, value=value))
        items.sort(key=lambda item: item.key)
        return items
