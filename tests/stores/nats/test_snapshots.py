"""A log that is cut short, and hosts that come after."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import nats
import pytest

from motia_actors.clock import SystemClock
from motia_actors.errors import StoreError
from motia_actors.store import StateSet
from motia_actors.stores.lmdb import copies
from motia_actors.stores.nats import snapshots
from motia_actors.stores.nats.address import Address, parse
from motia_actors.stores.nats.store import NatsStore
from tests.nats_proxy import Proxy
from tests.nats_servers import Server, address
from tests.stores.driving import WAIT_S, driven, ids, lease, put

pytestmark = pytest.mark.slow

LOG_BYTES = 2**20


@contextmanager
def host(where: Address, path: Path) -> Iterator[NatsStore]:
    store = NatsStore(where, path, SystemClock(), map_bytes_max=2**28)
    with driven(store):
        yield store


@pytest.fixture
def where(server: Server) -> Address:
    return parse(address([server], more=f"&log_bytes={LOG_BYTES}"))


def fill(store: NatsStore) -> None:
    """More than a quarter of what the log may hold."""
    for number in range(60):
        store.write(StateSet(group="g", key=f"k{number % 7}", value=b"x" * 5000))


def state_of(server: Server, stream: str) -> nats.js.api.StreamState:
    async def ask() -> nats.js.api.StreamState:
        client = await nats.connect(f"nats://127.0.0.1:{server.port}")
        info = await client.jetstream().stream_info(stream)
        await client.close()
        return info.state

    return asyncio.run(ask())


def test_hosts_begin_with_a_snapshot_where_the_log_was_cut(
    where: Address, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "_TAIL_MESSAGES", 1)
    with host(where, tmp_path / "old"):
        pass
    with host(where, tmp_path / "a") as a:
        put(a, "1")
        for _ in range(10):  # Far more than the log could hold.
            fill(a)
            a._snapshots.make_if_due(a._replica)
        put(a, "2")
        assert a.statistics()["snapshots"] >= 3
        assert state_of(server, "MOTIA_test").first_seq > 500

        for name in ("new", "old"):
            with host(where, tmp_path / name) as b:
                assert b.state.items(count_max=99) == a.state.items(count_max=99)
                assert b.events.depth("charge") == a.events.depth("charge")

        with host(where, tmp_path / "new") as b:
            assert ids(lease(b)) == ["1", "2"]


def test_a_host_that_was_cut_off_for_too_long_fails_and_opens_again_with_a_snapshot(
    where: Address, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "_TAIL_MESSAGES", 1)
    proxy = Proxy(server.port)
    by_proxy = msgspec.structs.replace(where, servers=(("127.0.0.1", proxy.port),))
    b = NatsStore(by_proxy, tmp_path / "b", SystemClock(), map_bytes_max=2**28)
    b.open()
    try:
        with host(where, tmp_path / "a") as a:
            proxy.cut()
            for _ in range(3):
                fill(a)
                a._snapshots.make_if_due(a._replica)
            proxy.heal()

            with pytest.raises(StoreError, match="opens again with a snapshot"):
                turn_for_ever(b)
            with pytest.raises(StoreError, match="opens again with a snapshot"):
                b.write(StateSet(group="g", key="k", value=b"1"))
            b.close()
            b.open()

            assert b.state.items(count_max=99) == a.state.items(count_max=99)
    finally:
        b.close()
        proxy.close()


def turn_for_ever(store: NatsStore) -> None:
    end_s = time.monotonic() + WAIT_S
    while time.monotonic() < end_s:
        store.commit_waiting(wait_s=0.1)


def test_a_short_log_needs_no_snapshot(where: Address, tmp_path: Path) -> None:
    with host(where, tmp_path / "a") as a:
        put(a, "1")

        assert not a._snapshots.make_if_due(a._replica)


def test_a_log_that_was_cut_without_a_snapshot_is_refused(
    where: Address, server: Server, tmp_path: Path
) -> None:
    async def purge() -> None:
        client = await nats.connect(f"nats://127.0.0.1:{server.port}")
        await client.jetstream().purge_stream("MOTIA_test")
        await client.close()

    with host(where, tmp_path / "a") as a:
        fill(a)
        asyncio.run(purge())
        late = NatsStore(where, tmp_path / "b", SystemClock(), map_bytes_max=2**28)
        with pytest.raises(StoreError, match="what lies between is lost"):
            late.open()


def closed_while(store: NatsStore, began: threading.Event) -> float:
    """Close the store once a snapshot is at it; answers how many seconds that took."""
    failures: list[Exception] = []

    def make() -> None:
        try:
            store._snapshots.make_if_due(store._replica)
        except StoreError as error:
            failures.append(error)

    maker = threading.Thread(target=make)
    maker.start()
    assert began.wait(WAIT_S)
    started_s = time.monotonic()
    store.close()
    took_s = time.monotonic() - started_s
    maker.join(WAIT_S)

    assert not maker.is_alive()
    assert len(failures) == 1
    return took_s


def test_a_store_that_closes_ends_a_long_copy_at_once(
    where: Address, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, never = threading.Event(), threading.Event()
    write = os.write

    def slowly(file: int, data: memoryview) -> int:
        began.set()
        never.wait(0.01)
        return write(file, data[:512])

    with host(where, tmp_path / "a") as a:
        fill(a)
        monkeypatch.setattr(copies, "_write", slowly)  # 2 MB and more are 40 s.

        assert closed_while(a, began) < 5.0

    assert not (tmp_path / "a" / "w0" / "snapshot").exists()


@pytest.mark.parametrize("fault", ["none", "the server hangs"])
def test_a_store_that_closes_ends_a_long_upload(
    where: Address, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    began, never = threading.Event(), threading.Event()

    class Slow(snapshots._Stoppable):
        def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
            count = super().readinto(memoryview(buffer)[:512])
            if not began.is_set() and fault != "none":
                server.signal(signal.SIGSTOP)
            began.set()
            never.wait(0.01)
            return count

    monkeypatch.setattr(snapshots, "_Stoppable", Slow)
    with host(where, tmp_path / "a") as a:
        fill(a)

        took_s = closed_while(a, began)

    server.signal(signal.SIGCONT)
    assert took_s < (5.0 if fault == "none" else 20.0)
    assert not (tmp_path / "a" / "w0" / "snapshot").exists()
    if fault == "none":
        assert state_of(server, "OBJ_MOTIA_test_SNAPSHOTS").bytes == 0
