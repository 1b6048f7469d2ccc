"""Two hosts on a cluster whose servers are killed, slowed and cut off: nothing is lost."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import nats
import pytest

from motia_actors.clock import SystemClock
from motia_actors.errors import StoreError
from motia_actors.messages import Event, Target
from motia_actors.store import Ack, EventPut, Lease, Store
from motia_actors.stores.nats.address import parse
from motia_actors.stores.nats.store import NatsStore
from tests.battery.crew import Crew, balance, new_seed, note
from tests.e2e.server import wait_until
from tests.nats_proxy import Proxy
from tests.nats_servers import Server, address, one_server, three_servers
from tests.stores.driving import driven

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

ACK_S_MAX = 3.0
CATCH_UP_S_MAX = 30.0
PAUSE_S = 0.02
"""Between the emits of one maker: the outbox takes more than FIFO groups can be worked off."""


def until(look: Callable[[], bool], limit_s: float) -> None:
    wait_until(look, what="the load to get so far", limit_s=limit_s)


class Book:
    """What was acknowledged, what was handled and in which order, by group."""

    def __init__(self) -> None:
        self.acked: set[str] = set()
        self.handled: dict[str, list[int]] = defaultdict(list)
        self.slowest_s = 0.0
        self.refused = 0

    def handle(self, event_id: str) -> None:
        group, _, number = event_id.partition(":")
        self.handled[group].append(int(number))

    @property
    def missing(self) -> set[str]:
        done = {f"{group}:{number}" for group, all_ in self.handled.items() for number in all_}
        return self.acked - done

    def overtaken(self) -> list[str]:
        """Groups in which an event came for the first time after a later one."""
        return [
            group
            for group, numbers in self.handled.items()
            if (firsts := list(dict.fromkeys(numbers))) != sorted(firsts)
        ]


def make(store: Store, book: Book, group: str, is_over: threading.Event) -> None:
    for number in itertools.count():
        if is_over.is_set():
            return
        event = Event(id=f"{group}:{number}", topic="t", data=b"{}", trace_id="t", group_id=group)
        started_s = time.monotonic()
        try:
            store.write(EventPut(event=event, targets=(Target(step="charge", is_fifo=True),)))
        except StoreError:
            book.refused += 1
            continue
        book.slowest_s = max(book.slowest_s, time.monotonic() - started_s)
        book.acked.add(event.id)
        is_over.wait(PAUSE_S)


def work(store: Store, book: Book, is_over: threading.Event) -> None:
    while not is_over.is_set():
        with contextlib.suppress(StoreError):
            taken = store.write(Lease(step="charge", count_max=8, visibility_s=60.0))
            for delivery in taken:
                book.handle(delivery.event.id)
            store.commit([Ack(delivery=delivery) for delivery in taken]).result(60.0)
        is_over.wait(0.002)


@contextlib.contextmanager
def host(where: str, path: Path) -> Iterator[Store]:
    with driven(NatsStore(parse(where), path, SystemClock(), map_bytes_max=2**30)) as store:
        yield store


@contextlib.contextmanager
def load(stores: Sequence[Store], book: Book) -> Iterator[None]:
    """Emit and handle on every host while the block runs; then let everything be handled."""
    emitted, handled = threading.Event(), threading.Event()
    makers = [
        threading.Thread(target=make, args=(store, book, f"g{index}{n}", emitted))
        for index, store in enumerate(stores)
        for n in range(2)
    ]
    workers = [threading.Thread(target=work, args=(store, book, handled)) for store in stores]
    for thread in [*makers, *workers]:
        thread.start()
    try:
        yield
        emitted.set()
        for thread in makers:
            thread.join(60.0)
        healed_s = time.monotonic()
        until(lambda: not book.missing, CATCH_UP_S_MAX)
        note(
            f"{len(book.acked)} acknowledged, {book.refused} refused, slowest "
            f"{book.slowest_s:.2f} s, caught up in {time.monotonic() - healed_s:.2f} s"
        )
    finally:
        emitted.set()
        handled.set()
        for thread in [*makers, *workers]:
            thread.join(60.0)


def leader_of(servers: Sequence[Server]) -> Server:
    """The server that leads the log."""

    async def ask() -> str:
        client = await nats.connect([f"nats://127.0.0.1:{one.port}" for one in servers])
        try:
            info = await client.jetstream().stream_info("MOTIA_test")
            return info.cluster.leader or "" if info.cluster else ""
        finally:
            await client.close()

    names = {f"n{server.port}": server for server in servers}
    found: list[Server] = []

    def look() -> bool:
        with contextlib.suppress(Exception):  # Elections: it is asked again.
            found.extend([names[asyncio.run(ask())]])
        return bool(found)

    until(look, 30.0)
    return found[0]


def acked_more(book: Book, count: int) -> Callable[[], bool]:
    target = len(book.acked) + count
    return lambda: len(book.acked) >= target


def handled_more(book: Book, count: int) -> Callable[[], bool]:
    target = sum(map(len, book.handled.values())) + count
    return lambda: sum(map(len, book.handled.values())) >= target


def test_killed_servers_lose_nothing_and_delay_no_emit(tmp_path: Path) -> None:
    book = Book()
    with three_servers(tmp_path / "servers") as servers:
        where = address(servers, more=f"&log_bytes={512 * 2**20}")
        with (
            host(where, tmp_path / "a") as a,
            host(where, tmp_path / "b") as b,
            load([a, b], book),
        ):
            until(handled_more(book, 100), 30.0)
            for _ in range(2):
                leader = leader_of(servers)
                leader.kill()
                until(acked_more(book, 50), 30.0)
                leader.start().wait_ready()
                until(handled_more(book, 50), 60.0)
            for server in servers:
                server.kill()
            emitted = len(book.acked)
            until(lambda: len(book.acked) > emitted + 50, 30.0)
            for server in servers:
                server.start()
            until(handled_more(book, 50), 60.0)

    assert book.refused == 0
    assert not book.missing
    assert book.overtaken() == []
    assert book.slowest_s < ACK_S_MAX


EMITTER = """
import sys, time
from pathlib import Path
from motia_actors.clock import SystemClock
from motia_actors.stores.nats.address import parse
from motia_actors.stores.nats.store import NatsStore
from motia_actors.messages import Event, Target
from motia_actors.store import EventPut
from tests.stores.driving import driven
group = sys.argv[3]
made = NatsStore(parse(sys.argv[1]), Path(sys.argv[2]), SystemClock(), map_bytes_max=2**30)
with driven(made) as store:
    for number in range(10**9):
        event = Event(
            id=f"{group}:{number}", topic="t", data=b"{}", trace_id="t", group_id=group
        )
        store.write(EventPut(event=event, targets=(Target(step="charge", is_fifo=True),)))
        print(event.id, flush=True)
        time.sleep(0.005)
"""


def test_killed_hosts_lose_nothing_that_they_acknowledged(tmp_path: Path) -> None:
    book, is_over = Book(), threading.Event()
    with one_server(tmp_path / "server") as server:
        where = address([server], more=f"&log_bytes={512 * 2**20}")
        with host(where, tmp_path / "a") as a:
            worker = threading.Thread(target=work, args=(a, book, is_over))
            worker.start()
            for life in range(4):
                with subprocess.Popen(
                    [sys.executable, "-c", EMITTER, where, str(tmp_path / "b"), f"life{life}"],
                    stdout=subprocess.PIPE,
                    text=True,
                ) as emitter:
                    assert emitter.stdout is not None
                    for count, line in enumerate(emitter.stdout):
                        book.acked.add(line.strip())
                        if life % 2 and count == 20:
                            server.kill()  # What follows is in the outbox alone.
                        if count == 60:
                            os.kill(emitter.pid, signal.SIGKILL)
                if life % 2:
                    server.start().wait_ready()
            with host(where, tmp_path / "b"):
                until(lambda: not book.missing, CATCH_UP_S_MAX)
            is_over.set()
            worker.join(30.0)

    assert not book.missing
    assert book.overtaken() == []
    assert len(book.acked) >= 4 * 60


@pytest.mark.parametrize("fault", ["cut", "stuck", "slow"])
def test_a_partition_heals(tmp_path: Path, fault: str) -> None:
    book = Book()
    with one_server(tmp_path / "server") as server:
        proxy = Proxy(server.port)
        monitor = f"monitor=127.0.0.1:{server.monitor}&log_bytes={512 * 2**20}"
        with (
            host(f"nats://127.0.0.1:{proxy.port}?{monitor}", tmp_path / "a") as a,
            host(f"nats://127.0.0.1:{server.port}?{monitor}", tmp_path / "b") as b,
            load([a, b], book),
        ):
            until(handled_more(book, 50), 30.0)
            match fault:
                case "cut":
                    proxy.cut()
                case "stuck":
                    proxy.is_stuck = True
                case _:
                    proxy.delay_s = 0.2
            emitted = len(book.acked)
            end_s = time.monotonic() + 5.0
            until(lambda: time.monotonic() > end_s and len(book.acked) > emitted + 50, 30.0)
            proxy.heal()
            until(handled_more(book, 50), 30.0)
        proxy.close()

    assert not book.missing
    assert book.overtaken() == []
    assert book.slowest_s < ACK_S_MAX


def test_the_books_balance_whoever_of_a_host_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kill_crew(tmp_path, monkeypatch, deaths=20, limit_s=15.0, drain_s=60.0)


@pytest.mark.stress
@pytest.mark.timeout(600)
def test_so_it_is_after_many_kills_on_a_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kill_crew(tmp_path, monkeypatch, deaths=200, limit_s=200.0, drain_s=300.0)


def kill_crew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, deaths: int, limit_s: float, drain_s: float
) -> None:
    """Kill processes of one host until so many died or the time is up; the books balance."""
    roles = ("maker-a", "std-1", "std-2", "fifo-1", "fifo-2", "sink-1")
    with one_server(tmp_path / "server") as server:
        where = address([server], more=f"&log_bytes={512 * 2**20}")
        monkeypatch.setenv("BATTERY_STORE", where)
        with (
            host(where, tmp_path / "data") as store,
            Crew(
                tmp_path / "data", roles, seed=new_seed(), options={"die": 3000, "visibility": 500}
            ) as crew,
        ):
            until_s = time.monotonic() + limit_s
            while crew.deaths < deaths and time.monotonic() < until_s:
                crew.wait_lines(crew.chance.randint(1, 80), limit_s=0.5)
                crew.hit()
                crew.replace()
                crew.awake()
            crew.drain(store, limit_s=drain_s)

            balance(crew, store)

            assert crew.deaths >= deaths // 2
