"""Hosts that are upgraded under load, stop for a while, are gone, or have another time."""

from __future__ import annotations

import asyncio
import http.client
import itertools
import os
import signal
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import nats
import pytest

from motia_actors.store import CronFire
from motia_actors.stores.nats import entries
from motia_actors.stores.nats.living import DEAD_S
from tests.battery.crew import note as told
from tests.e2e.server import OWN, Server, wait_until, write_project
from tests.nats_servers import Server as Nats
from tests.nats_servers import address, one_server, three_servers

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

ACK_S_MAX = 3.0
TAKE_OVER_S_MAX = DEAD_S + 6.0
"""Silence, a look every half second, and a busy machine."""
FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")
SKEW_S = 30.0

LEDGER = """
import asyncio, os, time

HOST = os.environ["SHOP_HOST"]


def note(what, name):
    line = f"{what} {name} {HOST} VERSION {time.monotonic()}\\n"
    file = os.open(os.environ["SHOP_LEDGER"], os.O_APPEND | os.O_CREAT | os.O_WRONLY)
    os.write(file, line.encode())
    os.close(file)

"""
NOTE = """
config = {
    "name": "Note", "type": "event", "subscribes": ["TOPIC"], "emits": [],
    "infrastructure": {
        "handler": {"timeout": TIMEOUT},
        "queue": {"transactional": True, "visibilityTimeout": VISIBILITY},
    },
}


async def handler(data, context):
    note("run", data["id"])
    if data["id"].startswith("held") and HOST == "a":
        while not os.path.exists(os.environ["SHOP_GO"]):
            await asyncio.sleep(0.05)
    took = {"id": data["id"], "took": data["by"], "ran": "VERSION", "host": HOST}
    await context.state.set("notes", data["id"], took)
    note("end", data["id"])
"""
TAKE = """
config = {
    "name": "Take", "type": "api", "method": "POST", "path": "/take", "emits": ["noted", "short"],
}


async def handler(req, context):
    event = {"topic": req.body.get("topic", "noted"), "data": {**req.body, "by": "VERSION"}}
    if "delay" in req.body:
        event["delay"] = req.body["delay"]
    await context.emit(event)
    return {"status": 200, "body": {"version": "VERSION"}}
"""
NOTES = """
config = {"name": "Notes", "type": "api", "method": "GET", "path": "/notes", "emits": []}


async def handler(req, context):
    notes = await context.state.get_group("notes")
    return {"status": 200, "body": {note["id"]: note for note in notes}}
"""
TICK = """
config = {
    "name": "Tick", "type": "cron", "cron": "* * * * * *", "emits": [],
    "infrastructure": {"cron": {"overlap": "allow"}},
}


async def handler(context):
    note("tick", context.trace_id)
"""


class Line(NamedTuple):
    """What a handler noted; at_s is the machine's monotonic time, whatever a host's clock says."""

    what: str
    name: str
    host: str
    version: str
    at_s: float


class Host:
    """A host with its own project, its two workers and what its handlers noted."""

    def __init__(
        self, folder: Path, name: str, cluster: Sequence[Nats], env: dict[str, str] | None = None
    ) -> None:
        self._project, self._ledger = folder / name, folder / f"{name}.ledger"
        self.go = folder / "go"
        self.is_asked = True
        self.install("one")
        self.server = Server(
            self._project,
            options=("-w", "2", "-k", OWN, "--threads", "8"),
            env={
                "MOTIA_STORE": address(cluster, more=f"&log_bytes={256 * 2**20}"),
                "SHOP_HOST": name,
                "SHOP_LEDGER": str(self._ledger),
                "SHOP_GO": str(self.go),
                **(env or {}),
            },
        )

    def install(self, version: str) -> None:
        """Write the project's steps as they are in a version."""
        note = NOTE.replace("TOPIC", "noted").replace("TIMEOUT", "90").replace("VISIBILITY", "100")
        short = NOTE.replace("TOPIC", "short").replace("TIMEOUT", "15").replace("VISIBILITY", "20")
        files = {
            "steps/note_step.py": LEDGER + note,
            "steps/short_step.py": LEDGER + short.replace('"Note"', '"Short"'),
            "steps/take_step.py": TAKE,
            "steps/notes_step.py": NOTES,
            "steps/tick_step.py": LEDGER + TICK,
        }
        texts = {name: text.replace("VERSION", version) for name, text in files.items()}
        write_project(self._project, texts)

    def lines(self, what: str) -> list[Line]:
        if not self._ledger.exists():
            return []
        rows = map(str.split, self._ledger.read_text().splitlines())
        lines = (Line(a, b, c, d, float(at_s)) for a, b, c, d, at_s in rows)
        return [line for line in lines if line.what == what]

    def names(self, what: str) -> set[str]:
        return {line.name for line in self.lines(what)}

    def take(self, *names: str, **more: object) -> None:
        for name in names:
            assert self.server.post("/take", {"id": name, **more}).status == 200

    def notes(self) -> Any:
        return self.server.get("/notes").json

    def signal(self, number: signal.Signals) -> None:
        """Tell all of its processes at once."""
        os.killpg(self.server.process.pid, number)


class Load:
    """Customers behind a balancer: they ask the other host where theirs does not answer."""

    def __init__(self, hosts: Sequence[Host]) -> None:
        self.acked: set[str] = set()
        self.refused: list[tuple[str, int]] = []
        self.slowest_s = 0.0
        self.turned = 0
        self._hosts, self._is_over = hosts, threading.Event()
        self._threads = [
            threading.Thread(target=self._ask, args=(f"c{number}", number))
            for number in range(2 * len(hosts))
        ]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join(60.0)

    def wait_more(self, count: int) -> None:
        target = len(self.acked) + count
        wait_until(lambda: len(self.acked) >= target, what=f"{count} more", limit_s=30.0)

    def _ask(self, name: str, first: int) -> None:
        for number in itertools.count():
            if self._is_over.wait(0.02):
                return
            started_s = time.monotonic()
            for turn in range(len(self._hosts)):
                host = self._hosts[(first + turn) % len(self._hosts)]
                if not host.is_asked:
                    continue
                try:
                    status = host.server.post("/take", {"id": f"{name}.{number}"}).status
                except (OSError, http.client.HTTPException):
                    self.turned += 1
                    continue
                if status != 200:
                    self.refused.append((name, status))
                    break
                self.acked.add(f"{name}.{number}")
                self.slowest_s = max(self.slowest_s, time.monotonic() - started_s)
                break
            else:
                self.refused.append((name, 0))


def slots_in_log(server: Nats) -> dict[float, set[str]]:
    """The slots of the schedule that hosts claimed, and the trace of each claim."""

    async def read() -> dict[float, set[str]]:
        client = await nats.connect(f"nats://127.0.0.1:{server.port}")
        stream = client.jetstream()
        last = (await stream.stream_info("MOTIA_test")).state.last_seq
        following = await stream.subscribe("motia.test.log", ordered_consumer=True)
        found: dict[float, set[str]] = defaultdict(set)
        for _ in range(last):
            message = await following.next_msg(timeout=10.0)
            entry = entries.decode(entries.read(1, message.data).body)
            for write in itertools.chain.from_iterable(entry.commits):
                if isinstance(write, CronFire):
                    found[write.slot_s].add(write.event.trace_id)
        await client.close()
        return found

    return asyncio.run(read())


def ticks(hosts: Sequence[Host]) -> set[str]:
    return set().union(*(host.names("tick") for host in hosts))


def longest_pause_s(hosts: Sequence[Host]) -> float:
    times = sorted(line.at_s for host in hosts for line in host.lines("tick"))
    return max(later - earlier for earlier, later in itertools.pairwise(times))


def stop(host: Host) -> None:
    assert host.server.stop() == 0, host.server.log()[-3000:]


def runs_of_slots(hosts: Sequence[Host], server: Nats) -> list[int]:
    """How often each claimed slot was run, oldest first; of stopped hosts the last may wait."""
    ran = ticks(hosts)
    return [len(traces & ran) for _, traces in sorted(slots_in_log(server).items())]


def each_slot_fired_once(hosts: Sequence[Host], server: Nats) -> None:
    *runs, last = runs_of_slots(hosts, server)
    assert set(runs) == {1}, runs
    assert last <= 1


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Nats]:
    with one_server(tmp_path / "nats") as server:
        yield server


def test_a_version_is_rolled_out_host_by_host_under_load(tmp_path: Path) -> None:
    with three_servers(tmp_path / "nats") as cluster:
        hosts = [Host(tmp_path, name, cluster) for name in "ab"]
        with hosts[0].server, hosts[1].server:
            with Load(hosts) as load:
                load.wait_more(40)
                for host in hosts:
                    stop(host)
                    load.wait_more(20)
                    host.install("two")
                    # gunicorn takes connections before its workers are there: a balancer waits
                    # until /readyz says so, as `start` does.
                    host.is_asked = False
                    host.server.start()
                    host.is_asked = True
                    load.wait_more(40)
            wait_until(lambda: load.acked <= hosts[1].notes().keys(), what="all", limit_s=30.0)
            notes = hosts[1].notes()
            for host in hosts:
                stop(host)
        each_slot_fired_once(hosts, cluster[0])

    told(
        f"rollout: {len(load.acked)} acknowledged, {len(load.refused)} refused, "
        f"{load.turned} turned to the other host, slowest {load.slowest_s:.2f} s, "
        f"clock paused {longest_pause_s(hosts):.1f} s"
    )
    assert load.refused == []
    assert load.slowest_s < ACK_S_MAX
    assert {note["took"] for note in notes.values()} == {"one", "two"}
    assert {note["ran"] for note in notes.values()} == {"one", "two"}


@pytest.mark.parametrize("fault", ["stopped", "killed"])
def test_a_host_that_is_gone_is_stood_in_for(
    tmp_path: Path, server: Nats, fault: Literal["stopped", "killed"]
) -> None:
    a, b = (Host(tmp_path, name, [server]) for name in "ab")
    held = {f"held{number}" for number in range(5)}
    with a.server:
        wait_until(lambda: a.names("tick"), what="that host a leads the clock")
        a.take(*sorted(held))
        wait_until(lambda: a.names("run") >= held, what="that host a holds them")
        with b.server:
            gone_s = time.monotonic()
            a.signal(signal.SIGSTOP if fault == "stopped" else signal.SIGKILL)
            b.take("meanwhile")
            wait_until(lambda: b.names("run") >= held, what="the other host", limit_s=30.0)
            took_s = max(line.at_s for line in b.lines("run") if line.name in held) - gone_s
            count = len(b.lines("tick"))
            wait_until(lambda: len(b.lines("tick")) > count, what="the clock", limit_s=30.0)

            a.go.touch()  # Its handlers end as soon as they go on.
            if fault == "stopped":
                a.signal(signal.SIGCONT)
                wait_until(lambda: a.names("end") >= held, what="the late ends", limit_s=30.0)
            else:
                a.server.process.wait()
                a.server.start()
            a.take("after")
            wait_until(lambda: "after" in b.notes(), what="what it took since", limit_s=30.0)
            stop(a)
            notes = b.notes()
            stop(b)

    each_slot_fired_once([a, b], server)
    told(
        f"host {fault}: taken over after {took_s:.1f} s, clock paused "
        f"{longest_pause_s([a, b]):.1f} s"
    )
    assert DEAD_S - 4.0 < took_s < TAKE_OVER_S_MAX
    assert longest_pause_s([a, b]) < TAKE_OVER_S_MAX
    assert notes.keys() == {*held, "meanwhile", "after"}
    assert {notes[name]["host"] for name in held} == {"b"}, "what came late changed nothing"


@pytest.mark.stress
def test_hosts_whose_clocks_differ_lose_nothing(tmp_path: Path, server: Nats) -> None:
    if not FAKETIME.exists():
        (pytest.fail if os.environ.get("CI") else pytest.skip)("apt-get install faketime")
    # libfaketime 0.9.10 refuses how this Python sleeps (clock_nanosleep until a moment).
    (tmp_path / "sitecustomize.py").write_text(
        "import select, time\ntime.sleep = lambda s: select.select([], [], [], max(0.0, s))\n"
    )
    ahead = {
        "PYTHONPATH": str(tmp_path),
        "LD_PRELOAD": str(FAKETIME),
        "FAKETIME": f"+{SKEW_S:g}s",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    a, b = Host(tmp_path, "a", [server]), Host(tmp_path, "b", [server], ahead)

    def ran_s(name: str) -> float:
        return min(line.at_s for host in (a, b) for line in host.lines("run") if line.name == name)

    with a.server:
        wait_until(lambda: a.names("tick"), what="that host a leads the clock")
        a.take("held-long")
        a.take("held-short", topic="short")
        wait_until(lambda: len(a.names("run")) == 2, what="that host a holds both")
        with b.server:
            emitted_s = time.monotonic()
            a.take("a-later", delay=5)
            b.take("b-later", delay=5)
            both = {"a-later", "b-later", "held-short"}
            wait_until(lambda: b.names("run") >= both, what="what is due by the fast clock")
            early_s, kept_s = ran_s("a-later") - emitted_s, ran_s("b-later") - emitted_s
            a.go.touch()
            wait_until(lambda: b.notes().keys() >= {*both, "held-long"}, what="all four")

            assert early_s < 5.0 < kept_s + 0.5
            assert "held-long" not in b.names("run"), "100 s are more than the clocks differ"
            assert b.notes()["held-short"]["host"] == "b", "20 s are less: run twice, kept once"

            stop(a)
            wait_until(lambda: b.names("tick"), what="that host b leads the clock", limit_s=30.0)
            stop(b)
        count = len(a.lines("tick"))
        a.server.start()
        # One may be what host b queued last.
        wait_until(
            lambda: len(a.lines("tick")) > count + 2, what="slots not yet fired", limit_s=2 * SKEW_S
        )
        stop(a)
    assert set(runs_of_slots([a, b], server)) <= {0, 1}, "none twice; those in between not at all"
    told(
        f"clocks {SKEW_S:g} s apart: a delay of 5 s took {early_s:.1f} and {kept_s:.1f} s, "
        f"clock paused {longest_pause_s([a, b]):.1f} s"
    )
    assert SKEW_S - 15.0 < longest_pause_s([a, b]) < SKEW_S + 15.0
