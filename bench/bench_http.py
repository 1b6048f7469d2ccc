"""The same answers over HTTP: api steps beside bare WSGI, falcon, FastAPI and Motia.

Each has one worker process, and each is asked in its turn by the same client.
"""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from bench.disk import folder_on_disk
from bench.load import Request, sample_of_load, usual_client
from bench.options import make_parser
from bench.peers.choice import Peers, add_option
from bench.peers.motia import serving_motia
from bench.rows import Sample, make_row, print_row
from bench.servers import (
    OUR_WORKER,
    GunicornSettings,
    Server,
    serving,
    serving_project,
    serving_uvicorn,
)
from bench.turns import Alternative, take_turns
from bench.usage import wait_until_idle

USER = '{"name": "Ada", "age": 36}'
HELLO = Request(path="/hello")
HELLO_ASYNC = Request(path="/hello-async")
HELLO_PYTHON = Request(path="/hello-py")
POST_USER = Request(path="/users", method="POST", body=USER)
FALCON = "falcon, gthread"
FASTAPI = "FastAPI, uvicorn"
FASTAPI_POST = "FastAPI, uvicorn, POST checked"
STEP = "api step, our worker"
STEP_POST = "api step, our worker, POST checked"
MOTIA_COUNT_MIN = 16
"""Motia answers a few requests a second: a turn of it ends when there were so many."""
MOTIA_REST_S_MAX = 8.0


class Way(msgspec.Struct, frozen=True):
    """One server and what it is asked, and whom its speed is compared with."""

    name: str
    server: Server
    request: Request
    ratio_to: str
    is_motia: bool = False


def main(arguments: Sequence[str]) -> None:
    """Measure as arguments say and print the row."""
    parser = make_parser("bench_http", __doc__, seconds=1.0)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--threads", type=int, default=32, help="of gunicorn's workers")
    parser.add_argument("--client", choices=["wrk", "python"], default=usual_client())
    add_option(parser)
    options = parser.parse_args(arguments)
    peers = Peers(options.peers)
    with contextlib.ExitStack() as stack:
        data = stack.enter_context(folder_on_disk(options.folder))
        ways = [
            *_stock(stack, data, options.threads),
            *_modern(stack, data, options.threads, peers),
        ]
        if peers.has_motia():
            ways += _motia(stack, data)
        results = take_turns(
            [_alternative(way, options.client, options.connections) for way in ways],
            seconds=options.seconds,
            rounds=options.rounds,
        )
    settings = {
        "client": options.client,
        "connections": options.connections,
        "seconds": options.seconds,
        "threads": options.threads,
        **peers.settings(),
    }
    print_row(
        make_row(
            "bench_http", results, arguments=arguments, rounds=options.rounds, settings=settings
        )
    )


def _stock(stack: contextlib.ExitStack, data: Path, threads: int) -> list[Way]:
    """The stock threaded worker: nothing in it is ours but the application."""
    settings = GunicornSettings(threads=threads)
    bare = stack.enter_context(serving("bench.apps:bare", settings, ready="/"))
    falcon = stack.enter_context(serving("bench.apps:with_falcon", settings, ready=HELLO.path))
    headers = stack.enter_context(
        serving("bench.apps:with_step_headers", settings, ready=HELLO.path)
    )
    ours = stack.enter_context(
        serving_project("hello", settings, data=data / "gthread", ready=HELLO.path)
    )
    return [
        Way("bare WSGI, gthread", bare, HELLO, FALCON),
        Way(FALCON, falcon, HELLO, FALCON),
        Way("falcon, gthread, POST", falcon, POST_USER, FALCON),
        Way("falcon with a step's headers, gthread", headers, HELLO, FALCON),
        Way("api step, gthread", ours, HELLO, FALCON),
        Way("api step, gthread, POST checked", ours, POST_USER, "falcon, gthread, POST"),
    ]


def _modern(stack: contextlib.ExitStack, data: Path, threads: int, peers: Peers) -> list[Way]:
    """Workers with an event loop in front: ours, gunicorn's ASGI worker, uvicorn."""
    settings = GunicornSettings(worker_class=OUR_WORKER, threads=threads)
    falcon = stack.enter_context(serving("bench.apps:with_falcon", settings, ready=HELLO.path))
    ours = stack.enter_context(
        serving_project("hello", settings, data=data / "ours", ready=HELLO.path)
    )
    asgi = stack.enter_context(
        serving(
            "bench.apps_asgi:with_falcon", GunicornSettings(worker_class="asgi"), ready="/hello"
        )
    )
    has_fastapi = peers.has("FastAPI", "fastapi", "uvicorn")
    hello, post = (FASTAPI, FASTAPI_POST) if has_fastapi else (FALCON, "falcon, gthread, POST")
    ways = [
        Way("falcon, our worker", falcon, HELLO, FALCON),
        Way(STEP, ours, HELLO, hello),
        Way("api step async, our worker", ours, HELLO_ASYNC, hello),
        Way(STEP_POST, ours, POST_USER, post),
        Way("falcon ASGI, gunicorn asgi", asgi, HELLO, hello),
    ]
    if has_fastapi:
        fastapi = stack.enter_context(serving_uvicorn("bench.apps_fastapi:app", ready=HELLO.path))
        ways.append(Way(FASTAPI, fastapi, HELLO, FASTAPI))
        ways.append(Way(FASTAPI_POST, fastapi, POST_USER, FASTAPI_POST))
    return ways


def _motia(stack: contextlib.ExitStack, data: Path) -> list[Way]:
    server = stack.enter_context(serving_motia(data / "motia", fsync="everysec")).server
    return [
        Way("motia, TypeScript", server, HELLO, STEP, is_motia=True),
        Way("motia, Python", server, HELLO_PYTHON, STEP, is_motia=True),
        Way("motia, TypeScript, POST checked", server, POST_USER, STEP_POST, is_motia=True),
    ]


def _alternative(way: Way, client: str, connections: int) -> Alternative:
    turn = functools.partial(
        sample_of_load,
        "python" if way.is_motia else client,
        way.server,
        way.request,
        connections=connections,
        count_min=MOTIA_COUNT_MIN if way.is_motia else 1,
    )

    def turn_and_rest(seconds: float) -> Sample:
        sample = turn(seconds=seconds)
        if way.is_motia:
            # It goes on with what clients gave up, which would meet whoever has the next turn.
            wait_until_idle(way.server.pid, within_s=MOTIA_REST_S_MAX)
        return sample

    return Alternative(name=way.name, turn=turn_and_rest, ratio_to=way.ratio_to)


if __name__ == "__main__":
    main(sys.argv[1:])
