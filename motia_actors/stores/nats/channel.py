"""What one process proposed and has not seen in the log: sent in order, again from the first.

The log's readers take an origin's messages by their numbers, one after the other. So where one
may be lost everything after it is sent again too (go-back-N), and what came through twice is
passed over.
"""

from __future__ import annotations

import time
from collections import deque

import msgspec

from motia_actors.errors import MotiaError
from motia_actors.promise import Promise
from motia_actors.store import Write
from motia_actors.stores.nats import entries

FLIGHT_BYTES_MAX = 4 * 2**20
"""What may be on its way at once; NATS' own buffers are not to be filled by one process."""
RESEND_S = 3.0


class Pending(msgspec.Struct, eq=False):
    """One commit that somebody waits for. Seconds are monotonic."""

    writes: list[Write[object]]
    promise: Promise[list[object]]
    size_bytes: int
    since_s: float
    is_patient: bool
    tries: int = 0
    expects: int = 0
    """How many answers at the front are our own."""
    outcome: list[object] | MotiaError | None = None
    """What became of it, once the log was read so far."""
    early: list[object] | None = None
    """What it will answer whatever came before it, where that is known."""


class Sealed(msgspec.Struct, eq=False):
    """An entry as messages, and the commits in it."""

    messages: list[bytes]
    pendings: list[Pending]
    size_bytes: int
    since_s: float
    is_kept: bool = False
    """It is in the outbox."""
    is_sent: bool = False
    last: int = 0


class Channel:
    """Entries of one origin, in order. Used by one thread, but where it says any."""

    def __init__(self, origin: bytes) -> None:
        self.origin = origin
        self.window: deque[Sealed] = deque()
        self.size_bytes = 0
        self.oldest_s: float | None = None
        """Since when its first entry waits; any thread may look."""
        self.acked = 0
        self._next = 1
        self._flight_bytes = 0
        self._moved_s = 0.0

    def add(self, body: bytes, pendings: list[Pending], *, message_bytes_max: int) -> Sealed:
        """Put an entry at the end."""
        messages = entries.cut(
            body, origin=self.origin, number=self._next, message_bytes_max=message_bytes_max
        )
        return self._append(messages, pendings)

    def add_kept(self, messages: list[bytes]) -> None:
        """Put messages that an outbox held at the end."""
        for message in messages:
            self._append([message], []).is_kept = True

    def to_send(self, *, is_up: bool) -> list[tuple[str, int, bytes]]:
        """What is to be sent now; from the first again, where nothing moved for RESEND_S."""
        now_s = time.monotonic()
        if self._flight_bytes and now_s - self._moved_s > RESEND_S:
            self.go_back()
        if not is_up or self._flight_bytes > FLIGHT_BYTES_MAX:
            return []
        found: list[tuple[str, int, bytes]] = []
        name = self.origin.hex()
        for sealed in self.window:
            if sealed.is_sent:
                continue
            if self._flight_bytes > FLIGHT_BYTES_MAX:
                break
            if not self._flight_bytes:
                self._moved_s = now_s
            sealed.is_sent = True
            self._flight_bytes += sealed.size_bytes
            found += [(name, entries.number_of(one), one) for one in sealed.messages]
        return found

    def go_back(self) -> None:
        """Send everything again: something of it may be lost."""
        for sealed in self.window:
            sealed.is_sent = False
        self._flight_bytes = 0

    def done(self, number: int) -> list[Sealed]:
        """Take out what the log has up to a number."""
        found = []
        while self.window and self.window[0].last <= number:
            sealed = self.window.popleft()
            self.size_bytes -= sealed.size_bytes
            if sealed.is_sent:
                self._flight_bytes -= sealed.size_bytes
            self._moved_s = time.monotonic()
            found.append(sealed)
        self.oldest_s = self.window[0].since_s if self.window else None
        return found

    def _append(self, messages: list[bytes], pendings: list[Pending]) -> Sealed:
        size_bytes = sum(map(len, messages))
        sealed = Sealed(messages, pendings, size_bytes, time.monotonic())
        sealed.last = entries.number_of(messages[-1])
        self._next = sealed.last + 1
        self.size_bytes += size_bytes
        self.window.append(sealed)
        self.oldest_s = self.window[0].since_s
        return sealed
