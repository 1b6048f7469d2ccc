"""Reads of the queues in LMDB, and the sweep that frees what dead processes held."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from motia_actors.clock import Clock
from motia_actors.messages import DeadLetter
from motia_actors.store import EventQueue, QueueDepth, Scheduled
from motia_actors.stores.lmdb import dead, keys, logged, rows
from motia_actors.stores.lmdb.env import Environment, Tables
from motia_actors.stores.lmdb.express import Express
from motia_actors.stores.lmdb.owners import Owners
from motia_actors.stores.lmdb.transaction import Transaction
from motia_actors.stores.lmdb.work import first_with


class QueueReads(EventQueue):
    """Reads of the queues, each from a snapshot of its own."""

    def __init__(self, env: Environment, clock: Clock) -> None:
        self._env = env
        self._clock = clock

    def next_due_s(self, step: str) -> float | None:
        """When the next delivery of the step is due, or a running lease ends."""
        with self._env.read() as txn:
            first = first_with(txn, self._env.tables.due, keys.step8(step))
        return None if first is None else keys.to_time(first[0][8:16])

    def depth(self, step: str) -> QueueDepth:
        """How full the step's queue is; a lease that ran out is waiting again."""
        step8, now = keys.step8(step), keys.time(self._clock.now_s())
        with self._env.read() as txn:
            tables = self._env.tables
            queued, dead = rows.read_counts(txn, tables, step8)
            # All leases of all steps: no more than there are handlers at work.
            leases = txn.cursor(tables.leases)
            leased = sum(1 for key, _ in leases if key[8:16] == step8 and key[16:24] > now)
        return QueueDepth(waiting=queued - leased, leased=leased, dead=dead)

    def steps(self) -> list[str]:
        """Ids of all steps that have a delivery or a dead letter, sorted."""
        with self._env.read() as txn:
            records = [record for _, record in txn.cursor(self._env.tables.steps)]
        return sorted(rows.step_text(record) for record in records)

    def dead(self, step: str, *, count_max: int, after_id: str | None = None) -> list[DeadLetter]:
        """The step's dead letters, oldest first: up to count_max of those after after_id."""
        with self._env.read() as txn:
            return dead.read(*(txn, self._env.tables, step), count_max=count_max, after_id=after_id)

    def scheduled(self, *, count_max: int) -> list[Scheduled]:
        """What waits and can be taken back or replaced, first due first."""
        now_s = self._clock.now_s()
        with self._env.read() as txn:
            tables = self._env.tables
            found = [
                one
                for place, where in txn.cursor(tables.scheduled)
                if (one := _scheduled(txn, tables, place, where, now_s=now_s)) is not None
            ]
        found.sort(key=lambda one: (one.due_s, one.event.id, one.step))
        return found[: max(0, count_max)]

    def dead_letter(self, step: str, letter_id: str) -> DeadLetter | None:
        """The step's dead letter of this id, or None."""
        with self._env.read() as txn:
            return dead.read_one(txn, self._env.tables, step, letter_id)

    def last_slot_s(self, step: str) -> float | None:
        """The last slot of a cron step that was claimed, or None."""
        with self._env.read() as txn:
            slot = txn.get(keys.step8(step), db=self._env.tables.slots)
        return None if slot is None else keys.to_time(slot)

    def _holders(self) -> set[bytes]:
        """Owners of at least one lease, and those who said what they ended."""
        with self._env.read() as txn:
            holders = logged.owners_in(txn, self._env.tables.meta)
            cursor = txn.cursor(self._env.tables.leases)
            is_there = cursor.first()
            while is_there:
                owner = cursor.key()[:8]
                holders.add(owner)
                is_there = cursor.set_range(owner + b"\xff" * 25)
        return holders


def _scheduled(
    txn: Transaction, tables: Tables, place: bytes, where: bytes, *, now_s: float
) -> Scheduled | None:
    """The delivery that a row of `scheduled` leads to; None where it is leased."""
    tag, step8 = place[:16], place[16:24]
    record = txn.get(rows.due_key(place, where), db=tables.due)
    if record is None:
        record = txn.get(rows.group_key(place, where), db=tables.groups)
        assert record is not None, "a scheduled delivery is due or waits in its group"
        body = record[:8]
    else:
        row = rows.Row.unpack(record)
        if row.is_held(where[:8], now_s=now_s):
            return None
        body = row.event
    event, _ = rows.read_event(txn, tables, body)
    counted = txn.get(step8, db=tables.steps)
    assert counted is not None, "a step with a delivery has its counts"
    return Scheduled(
        event=event,
        step=rows.step_text(counted),
        due_s=keys.to_time(where[:8]),
        is_burst=tag != keys.name16(event.id),
    )


class LmdbEvents(QueueReads):
    """Reads of queues whose owners are processes of this machine."""

    def __init__(
        self,
        env: Environment,
        clock: Clock,
        owners: Owners,
        express: Express,
        *,
        free: Callable[[list[bytes]], int],
    ) -> None:
        super().__init__(env, clock)
        self._owners, self._express = owners, express
        self._free = free

    def depth(self, step: str) -> QueueDepth:
        """How full the step's queue is, with what is at work without rows."""
        briefs, depth = self._express.steps()[step], super().depth(step)
        return msgspec.structs.replace(depth, leased=depth.leased + briefs) if briefs else depth

    def steps(self) -> list[str]:
        """Ids of all steps that have a delivery or a dead letter, sorted."""
        briefs = self._express.steps()
        return sorted({*super().steps(), *briefs})

    def free_dead_owners(self) -> int:
        """Make due what processes held that have died since; answers how many deliveries."""
        self._env.check_readers()
        with self._owners.dead({*self._holders(), *self._express.owners()}) as dead:
            return self._free(dead) if dead else 0
