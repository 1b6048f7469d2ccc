"""What was acknowledged and is not in the log yet, on this host's disk.

Rows are origin(8) number(8) -> message, each a message as it was or will be sent. Flushed before
`keep` returns. Whoever opens it after a crash sends them again, and the log's readers pass over
those that came through before.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from motia_actors.stores.lmdb import keys
from motia_actors.stores.lmdb.env import Environment
from motia_actors.stores.nats.entries import ORIGIN_BYTES, number_of


class Outbox:
    """One process' outbox; used by the thread that proposes."""

    def __init__(self, path: Path, *, bytes_max: int) -> None:
        self._env = Environment(path, bytes_max=bytes_max, is_synced=True)
        self.is_empty = True

    def open(self) -> dict[bytes, list[bytes]]:
        """Open it; answers what is left in it, by origin and in order."""
        self._env.open()
        found: dict[bytes, list[bytes]] = {}
        with self._env.read() as txn:
            for key, message in txn.cursor(self._env.tables.events):
                found.setdefault(key[:ORIGIN_BYTES], []).append(message)
        self.is_empty = not found
        return found

    def origin(self) -> bytes | None:
        """The process that had it last."""
        with self._env.read() as txn:
            return txn.get(b"origin", db=self._env.tables.meta)

    def sign(self, origin: bytes) -> None:
        """Say who has it now."""
        with self._env.write() as txn:
            txn.put(b"origin", origin, db=self._env.tables.meta)

    def keep(self, origin: bytes, messages: Iterable[bytes]) -> None:
        """Add messages; they are on disk on return.

        Raises:
            StoreFullError: the disk is full.
        """
        with self._env.write() as txn:
            for message in messages:
                key = origin + keys.number(number_of(message))
                txn.put(key, message, db=self._env.tables.events)
        self.is_empty = False

    def drop(self, origin: bytes, *, up_to: int) -> None:
        """Forget the origin's messages up to a number: they are in the log."""
        with self._env.write() as txn:
            cursor = txn.cursor(self._env.tables.events)
            is_there = cursor.set_range(origin)
            while (
                is_there
                and cursor.key().startswith(origin)
                and keys.to_number(cursor.key()[ORIGIN_BYTES:]) <= up_to
            ):
                is_there = cursor.delete()
            self.is_empty = not txn.cursor(self._env.tables.events).first()

    def close(self) -> None:
        """Let go of it."""
        self._env.close()
