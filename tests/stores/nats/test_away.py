"""The cluster is away: what only adds is kept by the outbox, all else waits, nothing is lost."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from motia_actors.clock import SystemClock
from motia_actors.errors import StoreFullError
from motia_actors.messages import Event, Target
from motia_actors.store import CronFire, EventPut, Lease, StateSet
from motia_actors.stores.nats import proposer
from motia_actors.stores.nats.address import parse
from motia_actors.stores.nats.cluster import UnsafeClusterError
from motia_actors.stores.nats.store import NatsStore
from tests.nats_servers import Server, address, one_server
from tests.stores.driving import WAIT_S, ids, lease, put
from tests.stores.driving import driven as driven_store
from tests.stores.nats.conftest import Host

pytestmark = pytest.mark.slow


def test_emits_are_acknowledged_while_the_cluster_is_away_and_come_through_in_order(
    host: Host, server: Server
) -> None:
    with host("a") as a:
        put(a, "before")
        server.kill()
        for number in range(5):
            put(a, f"away{number}")
        state = a.commit([StateSet(group="g", key="k", value=b"1")])
        assert not state.is_done
        assert a.statistics()["outbox_kept"] == 5
        (trouble,) = a.troubles()
        assert not trouble.is_full
        assert "the NATS cluster has been away for " in trouble.reason

        server.start().wait_ready()

        state.result(WAIT_S)
        assert a.troubles() == []
        assert ids(lease(a)) == ["before", *(f"away{number}" for number in range(5))]
        assert a.statistics()["outbox_bytes"] == 0


KILLED = """
import os, sys, signal
from pathlib import Path
from motia_actors.clock import SystemClock
from motia_actors.stores.nats.address import parse
from motia_actors.stores.nats.store import NatsStore
from tests.stores.driving import driven, put
made = NatsStore(
    parse(sys.argv[1]), Path(sys.argv[2]), SystemClock(), map_bytes_max=2**28, start_s_max=0.5
)
with driven(made) as store:
    for number in range(5):
        put(store, f"kept{number}")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("who", ["the same slot", "another process of the host"])
def test_what_a_killed_process_left_in_its_outbox_comes_through(
    host: Host, server: Server, tmp_path: Path, who: str
) -> None:
    where = address([server], more=f"&log_bytes={64 * 2**20}")

    def be_killed() -> None:
        server.kill()
        run = subprocess.run(
            [sys.executable, "-c", KILLED, where, str(tmp_path / "a")],
            timeout=60,
            check=False,
            capture_output=True,
        )
        assert run.returncode == -9, run.stderr.decode()
        server.start().wait_ready()

    if who == "the same slot":
        be_killed()
    with host("a") as a:
        if who != "the same slot":
            be_killed()
        a.write(StateSet(group="g", key="k", value=b"1"))
        a.events.free_dead_owners()
        a.write(StateSet(group="g", key="k", value=b"1"))

        assert ids(lease(a)) == [f"kept{number}" for number in range(5)]


def test_an_outbox_that_is_full_refuses(server: Server, tmp_path: Path) -> None:
    store = NatsStore(
        parse(address([server])),
        tmp_path / "a",
        SystemClock(),
        map_bytes_max=2**28,
        outbox_bytes_max=60_000,
    )
    with driven_store(store) as a:
        server.kill()
        event = Event(id="1", topic="t", data=b'"' + b"x" * 3000 + b'"', trace_id="t")
        write = EventPut(event=event, targets=(Target(step="charge"),))
        for _ in range(5):
            a.write(write)
        promises = [a.commit([write]) for _ in range(20)]

        with pytest.raises(StoreFullError, match="wait for the NATS cluster"):
            promises[-1].result(WAIT_S)
        (trouble,) = a.troubles()
        assert trouble.is_full
        assert "the outbox is full" in trouble.reason


def test_what_needs_the_cluster_is_refused_after_a_while_and_was_not_kept(
    host: Host, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proposer, "AWAY_S_MAX", 0.2)
    with host("a") as a:
        server.kill()
        put(a, "wakes")  # By now the link has noticed.
        put(a, "again")
        with pytest.raises(StoreFullError, match=r"away for 0\.2 s"):
            a.write(StateSet(group="g", key="k", value=b"1"))

        assert not a.locks.try_hold("leader")


def test_a_schedule_waits_and_the_last_slot_it_missed_fires_once(
    host: Host, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proposer, "AWAY_S_MAX", 0.2)
    with host("a") as a:
        server.kill()
        put(a, "the link has noticed")
        fires = [
            a.commit([CronFire(step="tick", slot_s=slot_s, event=event, allow_overlap=True)])
            for slot_s in (60.0, 120.0, 180.0)
            for event in [Event(id=f"slot{slot_s:g}", topic="t", data=b"{}", trace_id="t")]
        ]
        for fire in fires[:2]:
            with pytest.raises(StoreFullError):
                fire.result(WAIT_S)
        assert not fires[2].is_done

        server.start().wait_ready()

        assert fires[2].result(WAIT_S) == ["fired"]
        assert ids(lease(a, step="tick")) == ["slot180"]


def test_a_server_that_flushes_late_is_refused(tmp_path: Path) -> None:
    with one_server(tmp_path / "server", sync="2m") as server:
        where = parse(address([server]))
        store = NatsStore(where, tmp_path / "a", SystemClock(), map_bytes_max=2**28)

        with pytest.raises(UnsafeClusterError, match="power cut loses all of that"):
            store.open()
        store.close()


def test_a_server_that_flushes_late_is_reported_where_the_settings_accept_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with one_server(tmp_path / "server", sync="2m") as server:
        where = parse(address([server], more="&durability=relaxed"))
        store = NatsStore(where, tmp_path / "a", SystemClock(), map_bytes_max=2**28)
        with caplog.at_level(logging.ERROR), driven_store(store) as a:
            a.write(Lease(step="charge", count_max=1, visibility_s=1.0))

    assert "acknowledged writes may be lost" in caplog.text


def test_servers_that_nobody_can_ask_are_refused(server: Server, tmp_path: Path) -> None:
    where = parse(f"nats://127.0.0.1:{server.port}?monitor=off")
    store = NatsStore(where, tmp_path / "a", SystemClock(), map_bytes_max=2**28)

    with pytest.raises(UnsafeClusterError, match="nobody says whether"):
        store.open()
