"""CONTRACT: how the journal of a store is read, a ring of records for each kind of them.

What is written to it are `JournalAppend` and `JournalClear` of `store.py`.
"""

from __future__ import annotations

from typing import Protocol

import msgspec


class JournalRecord(msgspec.Struct, frozen=True):
    """A record with its number, which grows within its kind."""

    seq: int
    record: bytes


class Journal(Protocol):
    """Reads of what was logged and traced."""

    def tail(self, kind: str, *, count_max: int) -> list[bytes]:
        """The newest records of the kind, oldest of them first."""
        ...

    def after(self, kind: str, *, after_seq: int, count_max: int) -> list[JournalRecord]:
        """The newest count_max records of the kind with seq > after_seq, oldest of them first."""
        ...
