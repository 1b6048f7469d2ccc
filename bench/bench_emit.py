"""Durable events, from emit to handled, beside bare LMDB doing the least that is as durable.

Bare LMDB puts each event in a flushed transaction and deletes it in another, alone or grouped
as so many threads at once would be at best. Beside it the same flow on Dramatiq, Celery, Taskiq,
Huey and Motia, each with a Redis server that flushes before it answers (always) and, with
--everysec, one that flushes once a second.
"""

from __future__ import annotations

import contextlib
import functools
import http.client
import importlib
import math
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import lmdb
import msgspec

from bench import ledger
from bench.callers import call_for
from bench.disk import filesystem, flush_us, folder_on_disk
from bench.options import make_parser
from bench.peers.choice import Peers, add_option, missing
from bench.peers.motia import serving_motia
from bench.peers.redis_server import Fsync
from bench.peers.redis_server import options as redis_options
from bench.peers.redis_server import version as redis_version
from bench.peers.rigs import FSYNCS, PEERS, rig
from bench.rows import Sample, make_row, print_row
from bench.samples import sample_of_flow
from bench.servers import OUR_WORKER, GunicornSettings, Server, serving_project
from bench.turns import Alternative, take_turns
from bench.usage import tree_cpu_s

EMITTERS = (1, 8, 32)
EVENT = b'{"at_s":1234567.123456,"text":"' + b"x" * 64 + b'"}'
MAP_BYTES = 1 << 30
ASK_S_MAX = 60.0
MOTIA_SECONDS_MAX = 0.1
"""Motia emits faster than it handles by far: what it emits in longer takes a minute to handle."""


def main(arguments: Sequence[str]) -> None:
    """Measure as arguments say and print the row."""
    parser = make_parser("bench_emit", __doc__, seconds=1.0, rounds=9)
    parser.add_argument(
        "--everysec", action="store_true", help="peers that may lose the last second too"
    )
    parser.add_argument(
        "--nats", action="store_true", help="ours on NATS JetStream too, on one node and on three"
    )
    add_option(parser)
    options = parser.parse_args(arguments)
    peers = Peers(options.peers)
    fsyncs = FSYNCS if options.everysec else FSYNCS[:1]
    with contextlib.ExitStack() as stack:
        data = stack.enter_context(folder_on_disk(options.folder))
        settings = {
            "seconds": options.seconds,
            "filesystem": filesystem(data),
            "flush_us": flush_us(data),
            "gunicorn": " ".join(_gunicorn(1).options()),
        }
        alternatives = [*_ours(data, stack), *_two_workers(data, stack), *_bound(data, stack)]
        if options.nats:
            alternatives += _on_nats(data, stack)
        beside = _peers(data, stack, peers, fsyncs)
        if beside:
            settings["redis"] = redis_version()
            settings["redis options"] = " ".join(redis_options("|".join(fsyncs)))
            alternatives += beside
        settings |= peers.settings()
        results = take_turns(alternatives, seconds=options.seconds, rounds=options.rounds)
    print_row(
        make_row(
            "bench_emit",
            results,
            arguments=arguments,
            rounds=options.rounds,
            settings=settings,
        )
    )


class Served(msgspec.Struct, frozen=True):
    """A server with `POST /produce`, where it notes what was handled, and all its processes."""

    server: Server
    ledger: Path
    pids: tuple[int, ...]


def _gunicorn(workers: int, *, has_cpu_each: bool = False) -> GunicornSettings:
    return GunicornSettings(
        worker_class=OUR_WORKER,
        workers=workers,
        threads=max(EMITTERS) + 2,
        has_cpu_each=has_cpu_each,
    )


def started(
    data: Path,
    stack: contextlib.ExitStack,
    *,
    workers: int,
    store: str = "",
    name: str = "",
    has_cpu_each: bool = False,
) -> Served:
    """Serve the project whose steps emit and handle, until stack ends.

    store is the address of another store than LMDB, and name what its project is called.
    """
    noted = data / f"ledger-{name or workers}"
    noted.mkdir()
    serving = serving_project(
        "events",
        _gunicorn(workers, has_cpu_each=has_cpu_each),
        data=data / f"store-{name or workers}",
        ready="/ready",
        env={ledger.FOLDER: str(noted.resolve()), **({"MOTIA_STORE": store} if store else {})},
    )
    server = stack.enter_context(serving)
    return Served(server, noted, (server.pid,))


def _ours(data: Path, stack: contextlib.ExitStack) -> list[Alternative]:
    bare = stack.enter_context(_bare(data / "bare"))
    ours = started(data, stack, workers=1)
    alternatives = []
    for emitters in EMITTERS:
        name = f"bare lmdb, groups of {emitters}"
        turn = functools.partial(_bare_turn, bare, emitters)
        alternatives.append(Alternative(name=name, turn=turn, ratio_to=name))
        turn = functools.partial(turn_of, ours, emitters)
        alternatives.append(Alternative(name=_our_name(emitters), turn=turn, ratio_to=name))
        turn = functools.partial(turn_of, ours, emitters, path="/produce-async")
        name_async = f"emit to handled, async steps, {emitters} at once"
        alternatives.append(Alternative(name=name_async, turn=turn, ratio_to=name))
    return alternatives


def _two_workers(data: Path, stack: contextlib.ExitStack) -> list[Alternative]:
    """Ours with as many Python processes as the peers have at least: one to emit, one to handle."""
    ours = started(data, stack, workers=2)
    return [
        Alternative(
            name=f"emit to handled, 2 workers, {emitters} at once",
            turn=functools.partial(turn_of, ours, emitters),
            ratio_to=_our_name(emitters),
        )
        for emitters in EMITTERS
    ]


def _bound(data: Path, stack: contextlib.ExitStack) -> list[Alternative]:
    """Ours with its worker bound to one CPU."""
    ours = started(data, stack, workers=1, name="bound", has_cpu_each=True)
    return [
        Alternative(
            name=f"emit to handled, bound to a CPU, {emitters} at once",
            turn=functools.partial(turn_of, ours, emitters),
            ratio_to=_our_name(emitters),
        )
        for emitters in EMITTERS[1:]
    ]


def _on_nats(data: Path, stack: contextlib.ExitStack) -> list[Alternative]:
    """Ours with its log in a cluster of one node and of three, which flush before they answer."""
    if reason := missing(["nats", "nkeys"]):
        raise SystemExit(reason)
    nats = importlib.import_module("tests.nats_servers")
    one = [stack.enter_context(nats.one_server(data / "nats-1"))]
    three = stack.enter_context(nats.three_servers(data / "nats-3"))
    alternatives = []
    for servers in (one, three):
        count = len(servers)
        store = nats.address(servers, system=f"bench{count}") + f"&folder={data / f'host-{count}'}"
        ours = started(data, stack, workers=1, store=store, name=f"nats-{count}")
        alternatives += [
            Alternative(
                name=f"on NATS, {count} nodes, {emitters} at once",
                turn=functools.partial(turn_of, ours, emitters),
                ratio_to=_our_name(emitters),
            )
            for emitters in EMITTERS
        ]
    return alternatives


def _our_name(emitters: int) -> str:
    return f"emit to handled, {emitters} at once"


def _peers(
    data: Path, stack: contextlib.ExitStack, peers: Peers, fsyncs: Sequence[Fsync]
) -> list[Alternative]:
    """Every peer at every durability, started on stack; ours is what they are compared with."""
    alternatives = []
    present = [one for one in PEERS if peers.has(one.name, *one.packages, needs_redis=True)]
    for fsync in fsyncs:
        for peer in present:
            folder = data / f"{peer.name}-{fsync}".replace(" ", "-")
            running = stack.enter_context(rig(peer, folder, fsync=fsync))
            for emitters in EMITTERS:
                turn = functools.partial(running.turn, emitters)
                name = f"{peer.name}, fsync {fsync}, {emitters} at once"
                ours = _our_name(emitters)
                alternatives.append(Alternative(name=name, turn=turn, ratio_to=ours))
    if peers.has_motia():
        for fsync in fsyncs:
            motia = stack.enter_context(serving_motia(data / f"motia-{fsync}", fsync=fsync))
            served = Served(motia.server, motia.ledger, (motia.server.pid, motia.redis_pid))
            turn = functools.partial(turn_of, served, 1, seconds_max=MOTIA_SECONDS_MAX)
            name = f"motia, fsync {fsync}, 1 at once"
            alternatives.append(Alternative(name=name, turn=turn, ratio_to=_our_name(1)))
    return alternatives


@contextlib.contextmanager
def _bare(path: Path) -> Iterator[lmdb.Environment]:
    path.mkdir()
    env = lmdb.open(str(path), map_size=MAP_BYTES)
    try:
        yield env
    finally:
        env.close()


def _bare_turn(env: lmdb.Environment, size: int, seconds: float) -> Sample:
    def put_and_delete(number: int) -> None:
        keys = [(number * size + index).to_bytes(8) for index in range(size)]
        with env.begin(write=True) as txn:
            for key in keys:
                txn.put(key, EVENT)
        with env.begin(write=True) as txn:
            for key in keys:
                txn.delete(key)

    groups = call_for(seconds, put_and_delete)
    return msgspec.structs.replace(groups, per_s=groups.per_s * size, cpu_us=groups.cpu_us / size)


def turn_of(
    served: Served,
    emitters: int,
    seconds: float,
    *,
    seconds_max: float = math.inf,
    path: str = "/produce",
) -> Sample:
    """Emit from so many handlers for a while, and wait until all events are handled."""
    seconds = min(seconds, seconds_max)
    cpu_s = sum(map(tree_cpu_s, served.pids))
    produced: list[dict[str, Any]] = []

    def produce() -> None:
        produced.append(_ask(served.server, "POST", path, {"seconds": seconds}))

    threads = [threading.Thread(target=produce) for _ in range(emitters)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(produced) != emitters:
        raise SystemExit("an emitter failed")
    emits_s = [one for answer in produced for one in answer["taken_s"]]
    # A worker that dies is replaced, and what it held is handled by another.
    ledger.wait_for(served.ledger, len(emits_s), is_alive=lambda: True)
    cpu_s = sum(map(tree_cpu_s, served.pids)) - cpu_s
    last_s, latencies_s = ledger.take(served.ledger)
    return sample_of_flow(
        latencies_s,
        emits_s,
        elapsed_s=last_s - min(answer["first_s"] for answer in produced),
        seconds=seconds,
        cpu_s=cpu_s,
    )


def _ask(server: Server, method: str, path: str, body: object = None) -> dict[str, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=ASK_S_MAX)
    try:
        data = None if body is None else msgspec.json.encode(body)
        connection.request(method, path, data, {"content-type": "application/json"})
        response = connection.getresponse()
        answer = response.read()
        if response.status != 200:
            raise SystemExit(f"{method} {path} answered {response.status}: {answer!r}")
        return msgspec.json.decode(answer, type=dict[str, Any])
    finally:
        connection.close()


if __name__ == "__main__":
    main(sys.argv[1:])
