"""Several hosts in one system: one order, one clock, everybody's changes."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from typing import TypeVar

import pytest

from motia_actors.messages import Event, Target, Wake
from motia_actors.promise import Promise
from motia_actors.store import (
    Ack,
    CronFire,
    EventPut,
    StateExpect,
    StateSet,
    Store,
    StreamSet,
    StreamUpdate,
)
from tests.nats_servers import Server
from tests.stores.driving import WAIT_S, an_event, ids, lease, put, put_fifo
from tests.stores.nats.conftest import Host

T = TypeVar("T")

pytestmark = pytest.mark.slow


def hears_of(store: Store, is_there: Callable[[], bool]) -> None:
    """Wait until something another host did is here; the store tells when to look again."""
    heard: list[Promise[None]] = [Promise()]

    def on_wake(_: Wake) -> None:
        heard[0].set(None)

    store.notifier.listen(on_wake)
    end_s = time.monotonic() + WAIT_S
    while not is_there():
        assert time.monotonic() < end_s, "the other host never heard of it"
        heard[0].result(WAIT_S)
        heard[0] = Promise()


def test_a_stream_change_on_one_host_is_heard_on_another(host: Host) -> None:
    with host("a") as a, host("b") as b:
        a.write(StreamSet(stream="s", group="g", item_id="1", data=b'{"n":1}'))

        hears_of(b, lambda: b.streams.get("s", "g", "1") == b'{"n":1}')

        assert b.streams.changes(after_seq=0, count_max=9) == a.streams.changes(
            after_seq=0, count_max=9
        )


def test_an_event_is_leased_by_one_host_and_settled_for_all(host: Host) -> None:
    with host("a") as a, host("b") as b:
        put(a, "1")
        hears_of(b, lambda: b.events.next_due_s("charge") is not None)
        (delivery,) = lease(b)

        assert lease(a) == []
        b.write(Ack(delivery=delivery))
        a.write(StateSet(group="g", key="k", value=b"1"))
        assert a.events.steps() == []


def test_a_cron_slot_fires_on_one_host(host: Host) -> None:
    with host("a") as a, host("b") as b:
        fires = [
            store.commit(
                [CronFire(step="tick", slot_s=60.0, event=an_event("1"), allow_overlap=True)]
            )
            for store in (a, b, a, b)
        ]

        answers = sorted(str(fire.result(WAIT_S)[0]) for fire in fires)

        assert answers == ["fired", "taken", "taken", "taken"]


def test_counting_on_two_hosts_with_expectations_loses_nothing(host: Host) -> None:
    with host("a") as a, host("b") as b:
        count = 0
        for number in range(60):
            store = (a, b)[number % 2]
            value = store.state.get("g", "n")
            new = str(int(value or 0) + 1).encode()
            expect = StateExpect(group="g", key="n", value=value)
            promise = store.commit([expect, StateSet(group="g", key="n", value=new)])
            error = None
            try:
                promise.result(WAIT_S)
            except Exception as caught:  # noqa: BLE001 (told apart right below)
                error = caught
            assert error is None or type(error).__name__ == "ConflictError"
            count += error is None

        a.write(StateSet(group="end", key="a", value=b"1"))
        assert a.state.get("g", "n") == str(count).encode()
        assert count > 0


def test_checked_updates_of_one_item_from_two_hosts_are_all_there(host: Host) -> None:
    def no_check(_: bytes) -> None:
        return

    with host("a") as a, host("b") as b:
        a.write(StreamSet(stream="s", group="g", item_id="1", data=b"{}"))
        hears_of(b, lambda: b.streams.get("s", "g", "1") is not None)
        promises = [
            store.commit(
                [
                    StreamUpdate(
                        stream="s",
                        group="g",
                        item_id="1",
                        patch=b'{"%s%d":1}' % (name, number),
                        check=no_check,
                    )
                ]
            )
            for number in range(20)
            for name, store in ((b"a", a), (b"b", b))
        ]
        for promise in promises:
            assert promise.result(WAIT_S)[0] is not None
        a.write(StateSet(group="end", key="a", value=b"1"))

        item = a.streams.get("s", "g", "1")
        assert item is not None
        assert item.count(b":1") == 40


def test_a_lock_is_held_by_one_host_and_freed_when_it_closes(host: Host) -> None:
    with host("a") as a:
        with host("b") as b:
            assert b.locks.try_hold("leader")
            a.write(StateSet(group="g", key="k", value=b"1"))
            assert not a.locks.try_hold("leader")

        assert a.locks.try_hold("leader")


def test_a_fifo_group_of_two_hosts_is_in_one_order(host: Host) -> None:
    with host("a") as a, host("b") as b:
        for number in range(10):
            put_fifo((a, b)[number % 2], str(number))
        a.write(StateSet(group="end", key="a", value=b"1"))
        taken: list[str] = []
        for number in range(10):
            store = (b, a)[number % 2]
            store.write(StateSet(group="end", key="b", value=b"1"))
            [delivery] = lease(store)
            taken += ids([delivery])
            store.write(Ack(delivery=delivery))

        assert taken == [str(number) for number in range(10)]


def test_a_large_event_travels_in_parts(host: Host) -> None:
    data = b'"' + b"x" * (3 * 2**20) + b'"'
    with host("a") as a, host("b") as b:
        event = Event(id="big", topic="t", data=data, trace_id="t")
        a.write(EventPut(event=event, targets=(Target(step="charge"),)))
        hears_of(b, lambda: b.events.next_due_s("charge") is not None)

        [delivery] = lease(b)
        assert delivery.event.data == data


def test_a_host_that_comes_later_knows_all(host: Host) -> None:
    with host("a") as a:
        for number in range(50):
            a.write(StateSet(group="g", key=str(number), value=b"1"))
        with host("b") as b:
            assert len(b.state.group("g")) == 50


KILLED = """
import os, sys, signal
from pathlib import Path
from motia_actors.clock import SystemClock
from motia_actors.stores.nats.address import parse
from motia_actors.stores.nats.store import NatsStore
from tests.stores.driving import driven, lease
made = NatsStore(parse(sys.argv[1]), Path(sys.argv[2]), SystemClock(), map_bytes_max=2**28)
with driven(made) as store:
    assert len(lease(store, visibility_s=900.0)) == 1
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_of_this_host_held_is_freed_at_once(
    host: Host, server: Server, tmp_path: object
) -> None:
    from tests.nats_servers import address

    with host("a") as a:
        put(a, "1")
        where = address([server], more=f"&log_bytes={64 * 2**20}")
        run = subprocess.run(
            [sys.executable, "-c", KILLED, where, f"{tmp_path}/a"],
            timeout=60,
            check=False,
            capture_output=True,
        )
        assert run.returncode == -9, run.stderr.decode()
        a.write(StateSet(group="end", key="a", value=b"1"))
        assert lease(a) == []

        assert a.events.free_dead_owners() == 1

        assert [one.attempt for one in lease(a)] == [2]
