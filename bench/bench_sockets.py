"""Live streams in one worker: idle sockets, a broadcast to many, many writes to some, and requests.

`per_s` of the first two is messages that reached a client; `p50_ms` and `p99_ms` are from the
write, before it is on disk, to the client. The crowd of clients is this process.
"""

from __future__ import annotations

import contextlib
import functools
import http.client
import json
import sys
import threading
from collections.abc import Callable, Sequence

from bench.disk import filesystem, flush_us, folder_on_disk
from bench.listeners import Crowd, allow_files
from bench.load import Request, sample_of_load, usual_client
from bench.options import make_parser
from bench.rows import Sample, make_row, percentile_ms, print_row, quantiles_ms
from bench.servers import OUR_WORKER, GunicornSettings, Server, serving_project
from bench.turns import Alternative, take_turns
from bench.usage import children, rss_mb, tree_cpu_s

HELLO = Request(path="/hello")
ANSWER_S_MAX = 180.0
BROADCASTS_PER_S = 10.0


def main(arguments: Sequence[str]) -> None:
    """Measure as arguments say and print the row."""
    parser = make_parser("bench_sockets", __doc__, seconds=2.0, rounds=3)
    parser.add_argument("--idle", type=int, default=5000, help="sockets that hear nothing")
    parser.add_argument("--crowd", type=int, default=1000, help="clients of the broadcast")
    parser.add_argument("--subscribers", type=int, default=100, help="clients of the many writes")
    parser.add_argument("--writes", type=int, default=1000, help="a second, to the subscribers")
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--client", choices=["wrk", "python"], default=usual_client())
    options = parser.parse_args(arguments)
    idle = allow_files(options.idle + options.crowd + options.subscribers)
    idle = min(options.idle, idle - options.crowd - options.subscribers)
    gunicorn = GunicornSettings(worker_class=OUR_WORKER, threads=8)
    with contextlib.ExitStack() as stack:
        data = stack.enter_context(folder_on_disk(options.folder))
        server = stack.enter_context(
            serving_project(
                "sockets",
                gunicorn,
                data=data / "store",
                ready=HELLO.path,
                env={
                    "MOTIA_CONNECTIONS_PER_ADDRESS_MAX": "100000",
                    "MOTIA_CLIENTS_MAX": "100000",
                    "GUNICORN_CMD_ARGS": "--worker-connections 100000",
                },
            )
        )
        asked = functools.partial(
            sample_of_load, options.client, server, HELLO, connections=options.connections
        )
        bare = asked(seconds=options.seconds)
        before_mb = _workers_mb(server)
        stack.enter_context(Crowd(server.port, group="idle", count=idle))
        socket_kb = (_workers_mb(server) - before_mb) * 1024 / max(1, idle)
        many = stack.enter_context(Crowd(server.port, group="many", count=options.crowd))
        some = stack.enter_context(Crowd(server.port, group="some", count=options.subscribers))
        results = take_turns(
            [
                Alternative(
                    name=f"one write to {options.crowd}",
                    turn=functools.partial(
                        _told, server, many, "many", BROADCASTS_PER_S, options.crowd
                    ),
                    ratio_to=f"one write to {options.crowd}",
                ),
                Alternative(
                    name=f"{options.writes} writes/s to {options.subscribers}",
                    turn=functools.partial(
                        _told, server, some, "some", options.writes, options.subscribers
                    ),
                    ratio_to=f"{options.writes} writes/s to {options.subscribers}",
                ),
                Alternative(
                    name="requests beside idle sockets",
                    turn=lambda seconds: asked(seconds=seconds),
                    ratio_to="requests beside idle sockets",
                ),
                Alternative(
                    name="requests beside the writes",
                    turn=functools.partial(_beside, server, some, options.writes, asked),
                    ratio_to="requests beside idle sockets",
                ),
            ],
            seconds=options.seconds,
            rounds=options.rounds,
        )
        settings: dict[str, str | int | float] = {
            "idle sockets": idle,
            "memory of an idle socket, KB": round(socket_kb, 2),
            "requests without sockets, a second": round(bare.per_s),
            "requests without sockets, p99 ms": round(bare.p99_ms, 3),
            "filesystem": filesystem(data),
            "flush_us": flush_us(data),
            "gunicorn": " ".join(gunicorn.options()),
        }
    print_row(
        make_row(
            "bench_sockets", results, arguments=arguments, rounds=options.rounds, settings=settings
        )
    )


def _told(
    server: Server, crowd: Crowd, group: str, per_s: float, count: int, seconds: float
) -> Sample:
    """Write for so many seconds, and hear how the crowd takes it."""
    writes = max(1, int(per_s * seconds))
    cpu_s = tree_cpu_s(server.pid)
    took_s = _write(server, group, writes, per_s)
    delays_s = crowd.take(writes)
    cpu_s = tree_cpu_s(server.pid) - cpu_s
    return Sample(
        per_s=len(delays_s) / max(took_s, 1e-9),
        p50_ms=percentile_ms(delays_s, 0.5),
        p99_ms=percentile_ms(delays_s, 0.99),
        cpu_us=cpu_s / max(1, len(delays_s)) * 1e6,
        more={"lost": float(writes * count - len(delays_s)), "writes_per_s": writes / took_s},
        quantiles_ms=quantiles_ms(delays_s),
    )


def _beside(
    server: Server,
    crowd: Crowd,
    per_s: int,
    asked: Callable[..., Sample],
    seconds: float,
) -> Sample:
    """Ask while the subscribers are written to."""
    writes = max(1, int(per_s * seconds))
    writer = threading.Thread(target=_write, args=(server, "some", writes, per_s))
    writer.start()
    sample = asked(seconds=seconds)
    writer.join()
    crowd.take(writes)
    return sample


def _write(server: Server, group: str, count: int, per_s: float) -> float:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=ANSWER_S_MAX)
    body = json.dumps({"group": group, "count": count, "per_s": per_s})
    connection.request("POST", "/write", body, {"content-type": "application/json"})
    response = connection.getresponse()
    assert response.status == 200, response.read()
    took_s = float(json.loads(response.read())["took_s"])
    connection.close()
    return took_s


def _workers_mb(server: Server) -> float:
    return sum(map(rss_mb, children(server.pid)))


if __name__ == "__main__":
    main(sys.argv[1:])
