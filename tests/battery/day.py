"""A day of a shop, hour by hour: who comes, what goes wrong, and what is counted at its end."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from motia_actors.store import StateClear, Store
from motia_actors.web.sockets import CLOSE_S_MAX
from tests.battery.day_steps import GREET
from tests.battery.shop import Customer
from tests.battery.test_slow_reader import closing_of, deaf_client, rss_mb
from tests.e2e.beside import Beside
from tests.e2e.server import Server, wait_until

LIMIT_S = 30.0
HALF_HEADS, CROWD, POISONS = 20, 20, 3
HOARD_BYTES, HOARDS_MAX, REFUSALS = 50_000, 10_000, 5
# More than the buffers of both ends of a connection take, the reader's being small.
FLOOD_BYTES, FLOODS, DEAF_BYTES = 100_000, 80, 1 << 16
ROOM = {"streamName": "items", "groupId": "room", "subscriptionId": "s"}


class Stock(NamedTuple):
    """What a worker and the store hold while nothing is under way."""

    memory_mb: float
    node_mb: float
    descriptors: int
    threads: int
    children: int
    master_descriptors: int
    files: int
    used_bytes: int
    file_bytes: int


def stock_of(server: Server, store: Store, pid: int) -> Stock:
    """Count what there is; `pid` is the worker's."""
    process = Path(f"/proc/{pid}")
    children = [
        int(child) for path in process.glob("task/*/children") for child in path.read_text().split()
    ]
    return Stock(
        memory_mb=rss_mb(pid),
        node_mb=sum(map(rss_mb, children)),
        descriptors=count_in(process / "fd"),
        threads=count_in(process / "task"),
        children=len(children),
        master_descriptors=count_in(Path(f"/proc/{server.process.pid}/fd")),
        files=sum(path.is_file() for path in (server.project / ".motia").rglob("*")),
        used_bytes=int(store.statistics()["bytes_used"]),
        file_bytes=data_file(server).stat().st_size,
    )


def count_in(folder: Path) -> int:
    return sum(1 for _ in folder.iterdir())


def data_file(server: Server) -> Path:
    return server.project / ".motia" / "data" / "db" / "data.mdb"


def address(server: Server) -> str:
    return f"ws://127.0.0.1:{server.port}/"


class Listener(Beside):
    """Hears a room, on a new connection after each that ended, and the last number of each item."""

    def __init__(self, server: Server) -> None:
        super().__init__()
        self.heard: dict[str, int] = {}
        self.joins = 0
        self.back: list[str] = []
        self._server = server

    def run(self) -> None:
        """Listen."""
        while not self.is_done:
            try:
                with connect(address(self._server)) as client:
                    client.send(json.dumps({"type": "join", "data": ROOM}))
                    self.joins += 1
                    self._listen(client)
            except (OSError, WebSocketException):
                self.pause(0.02)

    def _listen(self, client: ClientConnection) -> None:
        while not self.is_done:
            with contextlib.suppress(TimeoutError):
                event = json.loads(client.recv(timeout=0.1))["event"]
                if event["type"] == "sync":
                    self.heard = {item["id"]: item["n"] for item in event["data"]}
                elif event["type"] in ("create", "update"):
                    self._take(event["data"])

    def _take(self, item: dict[str, Any]) -> None:
        name, number, before = item["id"], item["n"], self.heard.get(item["id"], 0)
        if number <= before:
            self.back.append(f"{name}: {number} after {before}, join {self.joins}")
        self.heard[name] = number


class Hour:
    """The deeds of one hour, done while customers shop; each ends when the server stood it."""

    def __init__(
        self,
        server: Server,
        store: Store,
        customers: list[Customer],
        *,
        number: int,
        chance: Random,
    ) -> None:
        self.poisons = 0
        self._server, self._store, self._customers = server, store, customers
        self._number, self._chance = number, chance

    def pass_by(self) -> None:
        """Do all of it in any order, with orders in between."""
        deeds = [
            self.edit,
            self.kill,
            self.relieve,
            self.fill_disk,
            self.deafen,
            self.dawdle,
            self.crowd,
            self.poison,
        ]
        self._chance.shuffle(deeds)
        for deed in deeds:
            deed()
            self.wait_served(20)

    def wait_served(self, count: int) -> None:
        """Wait until so many more orders were acknowledged."""
        enough = self._served() + count
        wait_until(lambda: self._served() >= enough, what="more orders", limit_s=LIMIT_S)

    def _served(self) -> int:
        return sum(len(customer.orders) for customer in self._customers)

    def edit(self) -> None:
        """Save a step that cannot be read, and then one that can: all workers take it over."""
        step, broken = self._server.project / "steps/greet_step.py", "never closed"
        before, said = self._server.get("/greet").json, self._server.log().count(broken)
        step.write_text("config = {", "utf-8")
        wait_until(lambda: self._server.log().count(broken) > said, what="it is reported")
        assert self._server.get("/greet").json == before
        step.write_text(GREET.format(hour=self._number), "utf-8")
        wanted = {"hour": self._number}
        wait_until(
            # Each connection goes to whichever worker takes it.
            lambda: all(self._server.get("/greet").json == wanted for _ in range(8)),
            what="the edit is served",
            limit_s=LIMIT_S,
        )

    def kill(self) -> None:
        """kill -9 of any worker but the oldest, whose memory is looked at."""
        self._end(signal.SIGKILL)

    def relieve(self) -> None:
        """End one of them in peace."""
        self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        served = self._server.served_count()
        pid = self._chance.choice(self._server.workers()[1:])
        os.kill(pid, number)
        wait_until(lambda: pid not in self._server.workers(), what="it ended", limit_s=LIMIT_S)
        wait_until(
            lambda: self._server.served_count() > served, what="another serves", limit_s=LIMIT_S
        )

    def fill_disk(self) -> None:
        """Let the data file grow no more until some are refused, and then as it likes."""
        pids, size = self._server.workers(), data_file(self._server).stat().st_size
        limit_files(pids, size)
        refused = 0
        with self._server.client() as client:
            for number in range(HOARDS_MAX):
                answer = client.post(f"/hoard/{number}", {"bytes": HOARD_BYTES})
                refused += answer.status >= 500
                if refused >= REFUSALS:
                    break
        grown = data_file(self._server).stat().st_size - size
        limit_files(pids, resource.RLIM_INFINITY)
        assert refused == REFUSALS
        assert grown <= 0
        self._store.write(StateClear(group="hoard"))

    def deafen(self) -> None:
        """Push to somebody who joined and reads nothing, who is closed for it."""
        with deaf_client(self._server.port) as deaf, self._server.client() as client:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, DEAF_BYTES)
            wait_until(lambda: b"sync" in deaf.recv(1 << 16, socket.MSG_PEEK), what="it joined")
            began_s = time.monotonic()
            for _ in range(FLOODS):
                assert client.post("/flood", {"bytes": FLOOD_BYTES}).status == 200
            took_s, last = time.monotonic() - began_s, closing_of(deaf)
            # Who has not taken the goodbye by then is hung up on without it.
            assert (1013).to_bytes(2, "big") in last or took_s > CLOSE_S_MAX

    def dawdle(self) -> None:
        """Open connections that never end their heads, and serve others meanwhile."""
        with contextlib.ExitStack() as stack:
            for _ in range(HALF_HEADS):
                where = ("127.0.0.1", self._server.port)
                client = stack.enter_context(socket.create_connection(where, 10.0))
                client.sendall(b"GET /greet HTTP/1.1\r\nHost: x\r\n")
            self.wait_served(20)

    def crowd(self) -> None:
        """Many join, and all leave at once; half of them without a word."""
        with contextlib.ExitStack() as stack:
            for number in range(CROWD):
                client = stack.enter_context(connect(address(self._server)))
                client.send(json.dumps({"type": "join", "data": ROOM}))
                client.recv(timeout=10)
                if number % 2:
                    client.socket.shutdown(socket.SHUT_RDWR)

    def poison(self) -> None:
        """Emit what no handler can do."""
        for _ in range(POISONS):
            assert self._server.post("/poison").status == 202
            self.poisons += 1


def limit_files(pids: list[int], size: int) -> None:
    """Let no file of these processes grow past size bytes."""
    for pid in pids:
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))


@contextlib.contextmanager
def shopping(server: Server, *, count: int, pause_s: float) -> Iterator[list[Customer]]:
    """Let so many customers shop."""
    with contextlib.ExitStack() as stack:
        yield [
            stack.enter_context(Customer(server, f"customer-{number}", pause_s=pause_s))
            for number in range(count)
        ]
