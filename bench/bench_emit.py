"""Durable events, from emit to handled, beside bare LMDB doing the least that is as durable.

Bare LMDB puts each event in a flushed transaction and deletes it in another, alone or grouped
as so many threads at once would be at best.
"""

from __future__ import annotations

import contextlib
import functools
import http.client
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import lmdb
import msgspec

from bench.callers import call_for, sample_of
from bench.disk import filesystem, flush_us, folder_on_disk
from bench.options import make_parser
from bench.rows import Sample, make_row, print_row
from bench.servers import GunicornSettings, Server, serving_project
from bench.turns import Alternative, take_turns
from bench.usage import tree_cpu_s

EMITTERS = (1, 8, 32)
EVENT = b'{"at_s":1234567.123456,"text":"' + b"x" * 64 + b'"}'
MAP_BYTES = 1 << 30
LOOK_EVERY_S = 0.01
DRAIN_S_MAX = 60.0


def main(arguments: Sequence[str]) -> None:
    """Measure as arguments say and print the row."""
    options = make_parser("bench_emit", __doc__, seconds=0.8).parse_args(arguments)
    # One worker, because the ledger of what was handled is in its memory.
    gunicorn = GunicornSettings(threads=max(EMITTERS) + 2)
    with folder_on_disk(options.folder) as data:
        settings = {
            "seconds": options.seconds,
            "filesystem": filesystem(data),
            "flush_us": flush_us(data),
            "gunicorn": " ".join(gunicorn.options()),
        }
        server = serving_project("events", gunicorn, data=data / "store", ready="/ledger")
        with _bare(data / "bare") as bare, server as ours:
            alternatives = []
            for emitters in EMITTERS:
                name = f"bare lmdb, groups of {emitters}"
                turn = functools.partial(_bare_turn, bare, emitters)
                alternatives.append(Alternative(name=name, turn=turn, ratio_to=name))
                turn = functools.partial(_turn, ours, emitters)
                ours_name = f"emit to handled, {emitters} at once"
                alternatives.append(Alternative(name=ours_name, turn=turn, ratio_to=name))
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


def _turn(server: Server, emitters: int, seconds: float) -> Sample:
    cpu_s = tree_cpu_s(server.pid)
    produced: list[dict[str, Any]] = []

    def produce() -> None:
        produced.append(_ask(server, "POST", "/produce", {"seconds": seconds}))

    threads = [threading.Thread(target=produce) for _ in range(emitters)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(produced) != emitters:
        raise SystemExit("an emitter failed")
    emits_s = [one for answer in produced for one in answer["taken_s"]]
    ledger = _drained(server, len(emits_s))
    cpu_s = tree_cpu_s(server.pid) - cpu_s
    first_s = min(answer["first_s"] for answer in produced)
    emits = sample_of(emits_s, seconds, cpu_s)
    handled = sample_of(ledger["latencies_s"], ledger["last_s"] - first_s, cpu_s)
    return msgspec.structs.replace(
        handled,
        more={
            "emits_per_s": emits.per_s,
            "emit_p50_ms": emits.p50_ms,
            "emit_p99_ms": emits.p99_ms,
        },
    )


def _drained(server: Server, count: int) -> dict[str, Any]:
    """Wait until so many events were handled; answer the ledger and begin a new one."""
    until_s = time.monotonic() + DRAIN_S_MAX
    while _ask(server, "GET", "/ledger")["count"] < count:
        if time.monotonic() > until_s:
            raise SystemExit(f"{count} events were not handled within {DRAIN_S_MAX:g} s")
        time.sleep(LOOK_EVERY_S)
    return _ask(server, "GET", "/ledger?take=1")


def _ask(server: Server, method: str, path: str, body: object = None) -> dict[str, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=DRAIN_S_MAX)
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
