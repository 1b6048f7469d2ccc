"""A rig: a Redis server, a process that emits and a worker that handles, ready for turns."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from bench import ledger
from bench.peers.producer import Order, Produced
from bench.peers.redis_server import Fsync, redis_server
from bench.rows import Sample
from bench.samples import sample_of_flow
from bench.servers import ROOT, stop
from bench.usage import tree_cpu_s

FSYNCS: tuple[Fsync, ...] = ("always", "everysec")
THREADS = 8
WARM_S = 0.05
"""Emitted before each turn and not counted: an idle worker looks for events less and less often."""

_CELERY = ["celery", "-A", "bench.peers.celery_app", "worker", "--loglevel", "ERROR"]
# What its workers tell each other is no part of the flow.
_CELERY += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
_TASKIQ = ["taskiq", "worker", "--log-level", "ERROR"]
_HUEY = ["huey.bin.huey_consumer", "bench.peers.huey_app.huey", "-q", "-d", "0.01"]


class Peer(msgspec.Struct, frozen=True, kw_only=True):
    """How a peer is run: the module with `send`, and the worker as arguments of `python -m`.

    `packages` are those it needs, by the names that they are imported by.
    """

    name: str
    packages: tuple[str, ...]
    module: str
    worker: list[str]


PEERS = (
    Peer(
        name="dramatiq",
        packages=("dramatiq", "redis"),
        module="bench.peers.dramatiq_app",
        worker=["dramatiq", "bench.peers.dramatiq_app", "-p", "1", "-t", str(THREADS)],
    ),
    Peer(
        name="celery threads",
        packages=("celery", "redis"),
        module="bench.peers.celery_app",
        worker=[*_CELERY, "--pool", "threads", "--concurrency", str(THREADS)],
    ),
    Peer(
        name="celery prefork",
        packages=("celery", "redis"),
        module="bench.peers.celery_app",
        worker=[*_CELERY, "--pool", "prefork", "--concurrency", str(os.cpu_count() or 1)],
    ),
    Peer(
        name="taskiq",
        packages=("taskiq", "taskiq_redis"),
        module="bench.peers.taskiq_app",
        worker=[*_TASKIQ, "bench.peers.taskiq_app:broker", "--workers", "1"],
    ),
    Peer(
        name="huey",
        packages=("huey", "redis"),
        module="bench.peers.huey_app",
        worker=[*_HUEY, "-k", "thread", "-w", str(THREADS)],
    ),
)


class Rig(msgspec.Struct, frozen=True, kw_only=True):
    """The running processes of one peer at one durability."""

    ledger: Path
    redis_pid: int
    worker: subprocess.Popen[bytes]
    producer: subprocess.Popen[bytes]

    def turn(self, emitters: int, seconds: float) -> Sample:
        """Let so many threads emit for a while, and wait until all events are handled."""
        self._drain(len(self._produce(Order(emitters=1, seconds=WARM_S)).taken_s))
        ledger.take(self.ledger)
        cpu_s = self._cpu_s()
        produced = self._produce(Order(emitters=emitters, seconds=seconds))
        self._drain(len(produced.taken_s))
        cpu_s = self._cpu_s() - cpu_s
        last_s, latencies_s = ledger.take(self.ledger)
        return sample_of_flow(
            latencies_s,
            produced.taken_s,
            elapsed_s=last_s - produced.first_s,
            seconds=seconds,
            cpu_s=cpu_s,
        )

    def _cpu_s(self) -> float:
        return sum(map(tree_cpu_s, (self.redis_pid, self.worker.pid, self.producer.pid)))

    def _produce(self, order: Order) -> Produced:
        assert self.producer.stdin is not None
        assert self.producer.stdout is not None
        self.producer.stdin.write(msgspec.json.encode(order) + b"\n")
        self.producer.stdin.flush()
        answer = self.producer.stdout.readline()
        if not answer:
            raise SystemExit("the process that emits ended")
        return msgspec.json.decode(answer, type=Produced)

    def _drain(self, count: int) -> None:
        ledger.wait_for(self.ledger, count, is_alive=lambda: self.worker.poll() is None)


@contextlib.contextmanager
def rig(peer: Peer, folder: Path, *, fsync: Fsync) -> Iterator[Rig]:
    """Run a peer until the block ends, with its data in a folder."""
    noted = folder / "ledger"
    noted.mkdir(parents=True)
    with redis_server(folder / "redis", fsync=fsync) as redis, contextlib.ExitStack() as stack:
        env = {
            **os.environ,
            "BENCH_REDIS": f"redis://127.0.0.1:{redis.port}/0",
            ledger.FOLDER: str(noted.resolve()),
        }
        worker = stack.enter_context(_process(peer.worker, env))
        producer = stack.enter_context(_process(["bench.peers.producer", peer.module], env))
        yield Rig(ledger=noted, redis_pid=redis.pid, worker=worker, producer=producer)


@contextlib.contextmanager
def _process(arguments: list[str], env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-m", *arguments],
        cwd=ROOT,
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE if arguments[0].startswith("bench.") else sys.stderr,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        stop(process)
        for pipe in (process.stdin, process.stdout):
            # What is left unwritten to a process that died is nobody's.
            with contextlib.suppress(BrokenPipeError):
                if pipe is not None:
                    pipe.close()
