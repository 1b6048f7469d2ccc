"""How answers a second grow with connections, workers and the number of steps.

The client shares the machine with the servers: on two processors the second worker has what the
client leaves, which the step that works for a millisecond shows apart from it.
"""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.bench_http import FASTAPI, HELLO
from bench.disk import folder_on_disk
from bench.generated import write_hellos, write_work
from bench.load import Request, sample_of_load, usual_client
from bench.options import make_parser
from bench.peers.choice import Peers, add_option
from bench.rows import Curve, Sample, make_row, print_row
from bench.servers import (
    OUR_WORKER,
    GunicornSettings,
    Server,
    serving,
    serving_project,
    serving_uvicorn,
)
from bench.turns import Alternative, take_turns

CONNECTIONS = (1, 4, 16, 64, 256)
WORKERS = (1, 2)
STEPS = (1, 100, 1000)
WORK = Request(path="/work")
WORK_US = 1000
USUAL = 16
THREADS = 32
ENV = {"MOTIA_CONNECTIONS_PER_ADDRESS_MAX": "1024"}


def main(arguments: Sequence[str]) -> None:
    """Measure as arguments say and print the row."""
    parser = make_parser("bench_scale", __doc__, seconds=1.0, rounds=3)
    parser.add_argument("--client", choices=["wrk", "python"], default=usual_client())
    parser.add_argument("--connections", type=int, nargs="*", default=list(CONNECTIONS))
    add_option(parser)
    options = parser.parse_args(arguments)
    peers = Peers(options.peers)
    with contextlib.ExitStack() as stack:
        data = stack.enter_context(folder_on_disk(options.folder))
        servers = _servers(stack, data, peers)
        alternatives = [
            _alternative(options.client, server, HELLO, of=name, connections=count)
            for count in options.connections
            for name, server in servers.items()
        ]
        alternatives += _workers(stack, data, options.client)
        alternatives += _steps(stack, data, options.client)
        results = take_turns(alternatives, seconds=options.seconds, rounds=options.rounds)
    settings = {"client": options.client, "seconds": options.seconds, "threads": THREADS}
    print_row(
        make_row(
            "bench_scale",
            results,
            arguments=arguments,
            rounds=options.rounds,
            settings=settings | peers.settings(),
        )
    )


def _settings(workers: int) -> GunicornSettings:
    return GunicornSettings(worker_class=OUR_WORKER, workers=workers, threads=THREADS)


def _servers(stack: contextlib.ExitStack, data: Path, peers: Peers) -> dict[str, Server]:
    servers = {
        f"api step, {workers} worker{'s' * (workers > 1)}": stack.enter_context(
            serving_project(
                "hello",
                _settings(workers),
                data=data / f"hello-{workers}",
                ready=HELLO.path,
                env=ENV,
            )
        )
        for workers in WORKERS
    }
    gthread = GunicornSettings(threads=THREADS)
    servers["falcon, gthread"] = stack.enter_context(
        serving("bench.apps:with_falcon", gthread, ready=HELLO.path)
    )
    if peers.has("FastAPI", "fastapi", "uvicorn"):
        servers[FASTAPI] = stack.enter_context(
            serving_uvicorn("bench.apps_fastapi:app", ready=HELLO.path)
        )
    return servers


def _workers(stack: contextlib.ExitStack, data: Path, client: str) -> list[Alternative]:
    project = write_work(data / "work", WORK_US)
    found = []
    for workers in WORKERS:
        place = data / f"work-{workers}"
        server = stack.enter_context(
            serving_project(project, _settings(workers), data=place, ready=WORK.path)
        )
        curve = Curve(of="step of 1 ms", axis="workers", at=workers)
        names = [f"step of 1 ms, {count} worker{'s' * (count > 1)}" for count in (workers, 1)]
        turn = functools.partial(_turn, client, server, WORK, USUAL)
        found.append(Alternative(name=names[0], turn=turn, ratio_to=names[1], curve=curve))
    return found


def _steps(stack: contextlib.ExitStack, data: Path, client: str) -> list[Alternative]:
    found = []
    for count in STEPS:
        project = write_hellos(data / f"project-{count}", count)
        place = data / f"steps-{count}"
        server = stack.enter_context(
            serving_project(project, _settings(1), data=place, ready=HELLO.path)
        )
        turn = functools.partial(_turn, client, server, HELLO, USUAL)
        found.append(
            Alternative(
                name=f"one of {count:,} steps",
                turn=turn,
                ratio_to=f"one of {STEPS[0]:,} steps",
                curve=Curve(of="one of many steps", axis="steps of the project", at=count),
            )
        )
    return found


def _alternative(
    client: str, server: Server, request: Request, *, of: str, connections: int
) -> Alternative:
    return Alternative(
        name=f"{of}, {connections} connections",
        turn=functools.partial(_turn, client, server, request, connections),
        ratio_to=f"api step, 1 worker, {connections} connections",
        curve=Curve(of=of, axis="connections", at=connections),
    )


def _turn(
    client: str, server: Server, request: Request, connections: int, seconds: float
) -> Sample:
    return sample_of_load(client, server, request, connections=connections, seconds=seconds)


if __name__ == "__main__":
    main(sys.argv[1:])
