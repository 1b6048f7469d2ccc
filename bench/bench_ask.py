"""An api step beside bare falcon on the same gunicorn settings, and an ask beside bare pykka."""

from __future__ import annotations

import contextlib
import functools
import shutil
import sys
from collections.abc import Sequence

from bench.asks import asks
from bench.disk import folder_on_disk
from bench.load import Request, run
from bench.options import make_parser
from bench.rows import Sample, make_row, print_row
from bench.servers import GunicornSettings, Server, serving, serving_project
from bench.turns import Alternative, take_turns
from bench.usage import tree_cpu_s

USER = '{"name": "Ada", "age": 36}'
HELLO = Request(path="/hello")
HELLO_ASYNC = Request(path="/hello-async")
POST_USER = Request(path="/users", method="POST", body=USER)
IN_PROCESS_SHARE = 0.5
"""Turns without a server are this much of the others: they vary less."""


def main(arguments: Sequence[str]) -> None:
    """Measure as arguments say and print the row."""
    parser = make_parser("bench_ask", __doc__, seconds=1.0)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--worker-class", default="gthread")
    parser.add_argument("--threads", type=int, default=8)
    usual = "wrk" if shutil.which("wrk") else "python"
    parser.add_argument("--client", choices=["wrk", "python"], default=usual)
    options = parser.parse_args(arguments)
    settings = GunicornSettings(
        worker_class=options.worker_class, workers=options.workers, threads=options.threads
    )
    load = functools.partial(_turn, options.client, options.connections)

    with contextlib.ExitStack() as stack:
        data = stack.enter_context(folder_on_disk(options.folder))
        bare = stack.enter_context(serving("bench.apps:bare", settings, ready="/"))
        falcon = stack.enter_context(serving("bench.apps:with_falcon", settings, ready=HELLO.path))
        ours = stack.enter_context(serving_project("hello", settings, data=data, ready=HELLO.path))
        ways: list[tuple[str, Server, Request, str]] = [
            ("bare WSGI", bare, HELLO, "falcon"),
            ("falcon", falcon, HELLO, "falcon"),
            ("falcon, POST", falcon, POST_USER, "falcon"),
            ("api step, def", ours, HELLO, "falcon"),
            ("api step, async def", ours, HELLO_ASYNC, "falcon"),
            ("api step, POST with bodySchema", ours, POST_USER, "falcon"),
        ]
        results = take_turns(
            [
                Alternative(
                    name=name, turn=functools.partial(load, server, request), ratio_to=ratio_to
                )
                for name, server, request, ratio_to in ways
            ],
            seconds=options.seconds,
            rounds=options.rounds,
        )
    with asks() as alternatives:
        seconds = options.seconds * IN_PROCESS_SHARE
        results += take_turns(alternatives, seconds=seconds, rounds=options.rounds)
    print_row(
        make_row(
            "bench_ask",
            results,
            arguments=arguments,
            rounds=options.rounds,
            settings={
                "client": options.client,
                "connections": options.connections,
                "seconds": options.seconds,
                "gunicorn": " ".join(settings.options()),
            },
        )
    )


def _turn(
    client: str, connections: int, server: Server, request: Request, seconds: float
) -> Sample:
    cpu_s = tree_cpu_s(server.pid)
    load = run(client, server.port, request, seconds=seconds, connections=connections)
    cpu_s = tree_cpu_s(server.pid) - cpu_s
    return Sample(
        per_s=load.count / load.elapsed_s,
        p50_ms=load.p50_ms,
        p99_ms=load.p99_ms,
        cpu_us=cpu_s / load.count * 1e6,
    )


if __name__ == "__main__":
    main(sys.argv[1:])
