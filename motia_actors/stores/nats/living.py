"""Queues, locks and wake-ups by the log, and who of the processes on all hosts is alive.

A process says something every few seconds. One of this host is dead when its slot is free; one
of another host when nothing was heard of it for DEAD_S while the log itself was heard.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from motia_actors.clock import Clock
from motia_actors.store import Locks
from motia_actors.stores.lmdb.queue import QueueReads
from motia_actors.stores.nats.replica import Replica

DEAD_S = 12.0


class Living(Protocol):
    """Knows who was heard of, and frees what the dead held."""

    def dead_among(self, owners: set[bytes]) -> list[bytes]:
        """Those of them that are dead."""
        ...

    def free(self, owners: Sequence[bytes]) -> int:
        """Free what they hold; answers how many deliveries."""
        ...


class Holding(Protocol):
    """Takes locks by way of the log."""

    def hold(self, name: str) -> bool:
        """Take a lock; False where another has it, or nobody can know."""
        ...

    def drop(self, name: str) -> None:
        """Let go of a lock."""
        ...


class NatsEvents(QueueReads):
    """Reads of the replica's queues."""

    def __init__(self, replica: Replica, clock: Clock, living: Living) -> None:
        super().__init__(replica.env, clock)
        self._replica, self._living = replica, living

    def free_dead_owners(self) -> int:
        """Free what processes of any host held that died since; answers how many deliveries."""
        holders = self._holders() | self._replica.lock_holders()
        return self._living.free(self._living.dead_among(holders))


class LogLocks(Locks):
    """Locks that are rows of the replica: they die when their process is declared dead."""

    def __init__(self, holding: Holding) -> None:
        self._holding = holding

    def try_hold(self, name: str) -> bool:
        """Take the lock, or keep it; False where another has it or the cluster is away."""
        return self._holding.hold(name)

    def release(self, name: str) -> None:
        """Let go of it; nothing happens where it is not held."""
        self._holding.drop(name)
