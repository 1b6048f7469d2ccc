"""A transport over a TLS session that somebody else began."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any, cast

import pytest

from motia_actors.web.transport import SocketTransport


class Endless(ssl.SSLSocket):
    """A TLS socket whose client never stops sending, a record at a time."""

    read_count: int
    kept: list[int]

    def fileno(self) -> int:
        return 0

    def recv(self, _buflen: int = 1024, _flags: int = 0) -> bytes:
        self.read_count += 1
        assert self.read_count < 100, "nobody else is ever served"
        return b"x"

    def pending(self) -> int:
        return self.kept.pop() if self.kept else 0


class Loop:
    """A loop that watches nothing."""

    def add_reader(self, *_: object) -> None: ...


class Sink(asyncio.Protocol):
    """Whoever is served."""


def test_a_client_that_never_stops_sending_gets_one_turn_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("fileno", "recv", "pending"):
        monkeypatch.setattr(ssl.SSLSocket, name, getattr(Endless, name))
    sock: Any = Endless.__new__(Endless)
    sock.read_count, sock.kept = 0, [5, 3]

    SocketTransport(cast("asyncio.AbstractEventLoop", Loop()), sock, Sink())

    # One record, and the two that TLS had read already.
    assert sock.read_count == 3
