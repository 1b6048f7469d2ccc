"""One process' way into the log, with a link that says what the test wants."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from motia_actors.clock import ManualClock
from motia_actors.messages import Event, Target
from motia_actors.promise import Promise
from motia_actors.store import EventPut, StateSet, Write
from motia_actors.stores.limits import RingLimits
from motia_actors.stores.nats.channel import Pending
from motia_actors.stores.nats.link import Acked, Came, Down, Link, Up
from motia_actors.stores.nats.outbox import Outbox
from motia_actors.stores.nats.proposer import Proposer
from motia_actors.stores.nats.replica import Replica

ORIGIN = b"origin-a"
EMIT = EventPut(
    event=Event(id="e", topic="t", data=b"{}", trace_id="t"),
    targets=(Target(step="s"),),
    dedupe_key=None,
)


class Wire:
    """What was published, and what is heard."""

    def __init__(self) -> None:
        self.news: deque[object] = deque([Up(0)])
        self.sent: list[tuple[str, int, bytes]] = []

    def publish(self, messages: list[tuple[str, int, bytes]]) -> None:
        self.sent += messages


class Bench:
    """A proposer, and what is around it."""

    def __init__(self, folder: Path) -> None:
        self.wire = Wire()
        self.outbox = Outbox(folder / "outbox", bytes_max=2**24)
        self.outbox.open()
        self.replica = Replica(
            folder / "replica", bytes_max=2**24, journal=RingLimits(), changes=RingLimits()
        )
        self.replica.open()
        self.proposer = Proposer(
            ORIGIN,
            replica=self.replica,
            outbox=self.outbox,
            link=cast("Link", self.wire),
            streams=cast("Any", None),
            clock=ManualClock(),
            tell=lambda _: None,
            outbox_bytes_max=2**20,
            message_bytes_max=2**20,
        )

    def put(self, write: Write[Any]) -> Promise[list[object]]:
        """Commit a write, which is sent."""
        promise: Promise[list[object]] = Promise()
        self.proposer.put(Pending([write], promise, 1, time.monotonic(), is_patient=False))
        self.proposer.turn()
        return promise

    def hear(self, *news: object) -> None:
        self.wire.news += news
        self.proposer.turn()

    def close(self) -> None:
        self.outbox.close()
        self.replica.close()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.close()


def test_a_commit_is_told_once_it_was_read_and_acknowledged(bench: Bench) -> None:
    promise = bench.put(EMIT)
    [(origin, number, data)] = bench.wire.sent

    bench.hear(Came(1, data))
    assert not promise.is_done
    bench.hear(Acked(origin, number))

    assert promise.result(0.0) == ["e"]


def test_an_emit_that_was_read_does_not_wait_for_an_acknowledgement_that_is_lost(
    bench: Bench,
) -> None:
    promise = bench.put(EMIT)
    [(origin, number, data)] = bench.wire.sent
    bench.hear(Came(1, data))

    bench.hear(Down("cut"))

    assert promise.result(0.0) == ["e"]
    assert not bench.outbox.is_empty
    bench.hear(Up(1), Acked(origin, number))
    assert bench.outbox.is_empty


def test_any_other_write_that_was_read_waits_for_it(bench: Bench) -> None:
    promise = bench.put(StateSet(group="g", key="k", value=b"1"))
    [(origin, number, data)] = bench.wire.sent

    bench.hear(Came(1, data), Down("cut"))
    assert not promise.is_done
    bench.hear(Up(1), Acked(origin, number))

    assert promise.is_done
