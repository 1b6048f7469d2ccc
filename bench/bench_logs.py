"""What a log line costs a request, written and left out, and a trace where it can be switched.

The lines go to a file, as an operator would have it, and to the journal. With `--env NAME=VALUE`
another server runs beside with that variable set, to see what switching something off saves.
"""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.disk import folder_on_disk
from bench.generated import write_logs
from bench.load import Request, sample_of_load, usual_client
from bench.options import make_parser
from bench.rows import Curve, Sample, make_row, print_row
from bench.servers import OUR_WORKER, GunicornSettings, Server, serving_project
from bench.turns import Alternative, take_turns

COUNTS = (0, 1, 10)
SETTINGS = GunicornSettings(worker_class=OUR_WORKER, threads=32)
CONNECTIONS = 16
NONE = "no lines"


def main(arguments: Sequence[str]) -> None:
    """Measure as arguments say and print the row."""
    parser = make_parser("bench_logs", __doc__, seconds=1.0, rounds=3)
    parser.add_argument("--client", choices=["wrk", "python"], default=usual_client())
    parser.add_argument("--env", action="append", default=[], metavar="NAME=VALUE")
    options = parser.parse_args(arguments)
    with contextlib.ExitStack() as stack:
        data = stack.enter_context(folder_on_disk(options.folder))
        project = write_logs(data / "project", COUNTS)
        written = _server(stack, data, project, {"LOG_LEVEL": "info"})
        left_out = _server(stack, data, project, {"LOG_LEVEL": "error"})
        alternatives = [
            _alternative(options.client, written, count, suffix="written") for count in COUNTS
        ]
        alternatives += [
            _alternative(options.client, left_out, count, suffix="below the level")
            for count in COUNTS[1:]
        ]
        for pair in options.env:
            name, _, value = pair.partition("=")
            server = _server(stack, data, project, {"LOG_LEVEL": "info", name: value})
            alternatives.append(_alternative(options.client, server, 0, suffix=f"with {pair}"))
        results = take_turns(alternatives, seconds=options.seconds, rounds=options.rounds)
    settings = {
        "client": options.client,
        "connections": CONNECTIONS,
        "seconds": options.seconds,
        "gunicorn": " ".join(SETTINGS.options()),
    }
    print_row(
        make_row(
            "bench_logs", results, arguments=arguments, rounds=options.rounds, settings=settings
        )
    )


def _server(
    stack: contextlib.ExitStack, data: Path, project: Path, env: Mapping[str, str]
) -> Server:
    number = len(list(data.iterdir()))
    return stack.enter_context(
        serving_project(
            project,
            SETTINGS,
            data=data / f"store-{number}",
            ready="/log/0",
            env=env,
            log=data / f"log-{number}",
        )
    )


def _alternative(client: str, server: Server, count: int, *, suffix: str) -> Alternative:
    lines = {0: NONE, 1: "1 line"}.get(count, f"{count} lines")
    is_base = not count and suffix == "written"
    return Alternative(
        name=NONE if is_base else f"{lines}, {suffix}",
        turn=functools.partial(_turn, client, server, Request(path=f"/log/{count}")),
        ratio_to=NONE,
        curve=Curve(of=suffix, axis="lines of a request", at=count) if count or is_base else None,
    )


def _turn(client: str, server: Server, request: Request, seconds: float) -> Sample:
    return sample_of_load(client, server, request, connections=CONNECTIONS, seconds=seconds)


if __name__ == "__main__":
    main(sys.argv[1:])
