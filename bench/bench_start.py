"""From nothing to the first answer, and the memory of a worker: 1, 100 and 1,000 steps.

Each turn starts a server with one worker, waits for its first answer, sends it some requests,
looks at its memory and stops it. An operation is a start.
"""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from bench.disk import folder_on_disk
from bench.generated import write_hellos
from bench.load import Request, generate
from bench.options import make_parser
from bench.peers.choice import Peers, add_option
from bench.peers.motia import serving_motia
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
from bench.usage import children, rss_mb, tree_cpu_s, tree_pss_mb

STEPS = (1, 100, 1000)
HELLO = Request(path="/hello")
SETTINGS = GunicornSettings(worker_class=OUR_WORKER, threads=32)
FALCON = "falcon, our worker"
WARM_S = 0.3
CONNECTIONS = 4

Serving = Callable[[], contextlib.AbstractContextManager[Server]]


def main(arguments: Sequence[str]) -> None:
    """Measure as arguments say and print the row."""
    parser = make_parser("bench_start", __doc__, seconds=WARM_S, rounds=3)
    add_option(parser)
    options = parser.parse_args(arguments)
    peers = Peers(options.peers)
    with folder_on_disk(options.folder) as data:
        ways: list[tuple[str, Serving, Curve | None]] = [
            (FALCON, start_falcon, None),
            *(ours(data, count) for count in STEPS),
        ]
        if peers.has("FastAPI", "fastapi", "uvicorn"):
            ways.append(("FastAPI, uvicorn", _fastapi, None))
        if peers.has_motia():
            ways.append(("motia, 6 steps", functools.partial(_motia, data), None))
        alternatives = [
            Alternative(
                name=name,
                turn=functools.partial(turn_of, start),
                ratio_to=FALCON,
                curve=curve,
            )
            for name, start, curve in ways
        ]
        results = take_turns(alternatives, seconds=options.seconds, rounds=options.rounds)
    settings = {"gunicorn": " ".join(SETTINGS.options()), "seconds": options.seconds}
    print_row(
        make_row(
            "bench_start",
            results,
            arguments=arguments,
            rounds=options.rounds,
            settings=settings | peers.settings(),
        )
    )


def start_falcon() -> contextlib.AbstractContextManager[Server]:
    """Serve bare falcon."""
    return serving("bench.apps:with_falcon", SETTINGS, ready=HELLO.path)


def _fastapi() -> contextlib.AbstractContextManager[Server]:
    return serving_uvicorn("bench.apps_fastapi:app", ready=HELLO.path)


def ours(data: Path, count: int) -> tuple[str, Serving, Curve]:
    """Name, way to serve, and place on the curve of a project of so many steps."""
    project = write_hellos(data / f"project-{count}", count)
    start = functools.partial(
        serving_project, project, SETTINGS, data=data / f"store-{count}", ready=HELLO.path
    )
    name = f"{count:,} step{'s' * (count > 1)}"
    return name, start, Curve(of="start", axis="steps of the project", at=count)


@contextlib.contextmanager
def _motia(data: Path) -> Iterator[Server]:
    number = len(list(data.glob("motia-*")))
    with serving_motia(data / f"motia-{number}", fsync="everysec") as motia:
        yield motia.server


def turn_of(start: Serving, seconds: float) -> Sample:
    """Start a server, ask it for a while, look at its memory, and stop it."""
    with start() as server:
        cpu_s = tree_cpu_s(server.pid)
        generate(server.port, HELLO, seconds=min(seconds, WARM_S), connections=CONNECTIONS)
        worker = max((rss_mb(pid) for pid in (server.pid, *children(server.pid))), default=0.0)
        start_ms = server.start_s * 1e3
        return Sample(
            per_s=1e3 / start_ms,
            p50_ms=start_ms,
            p99_ms=start_ms,
            cpu_us=cpu_s * 1e6,
            more={"worker_mb": worker, "all_mb": tree_pss_mb(server.pid)},
        )


if __name__ == "__main__":
    main(sys.argv[1:])
