"""From the request to the last event handled: order, chain of 3, fan-out of 1 to 100.

The order step checks its body, writes state and emits. Beside it stands the least that is as
durable (falcon and one flushed transaction of bare LMDB), and Motia.
"""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from bench import apps_lmdb, ledger
from bench.disk import filesystem, flush_us, folder_on_disk
from bench.generated import write_chain, write_fan
from bench.load import Request, run
from bench.options import make_parser
from bench.peers.choice import Peers, add_option
from bench.peers.motia import serving_motia
from bench.rows import Curve, Sample, make_row, percentile_ms, print_row, quantiles_ms
from bench.servers import OUR_WORKER, GunicornSettings, Server, serving, serving_project
from bench.turns import Alternative, take_turns
from bench.usage import tree_cpu_s

ORDER = Request(path="/orders", method="POST", body='{"item": "tea", "quantity": 2}')
CHAIN = Request(path="/chain", method="POST", body="{}")
WIDTHS = (1, 10, 100)
LINKS = 3
FAN_SECONDS_MAX = 0.3
MOTIA_COUNT_MIN = 16
SETTINGS = GunicornSettings(worker_class=OUR_WORKER, threads=32)
BARE, ANSWERED, HANDLED = "bare LMDB order, answered", "order, answered", "order, handled"


class Flow(msgspec.Struct, frozen=True, kw_only=True):
    """A server, what it is asked, where it notes events, and how many each request makes."""

    server: Server
    pids: tuple[int, ...]
    request: Request
    ledger: Path | None = None
    events: int = 1
    count_min: int = 1
    waits: bool = True
    seconds_max: float = float("inf")


def main(arguments: Sequence[str]) -> None:
    """Measure as arguments say and print the row."""
    parser = make_parser("bench_flow", __doc__, seconds=0.8, rounds=3)
    parser.add_argument("--connections", type=int, default=16)
    add_option(parser)
    options = parser.parse_args(arguments)
    peers = Peers(options.peers)
    with contextlib.ExitStack() as stack:
        data = stack.enter_context(folder_on_disk(options.folder))
        settings = {
            "seconds": options.seconds,
            "connections": options.connections,
            "filesystem": filesystem(data),
            "flush_us": flush_us(data),
            "gunicorn": " ".join(SETTINGS.options()),
        }
        turn = functools.partial(_turn, connections=options.connections)
        alternatives = [*_orders(stack, data, turn), *_longer(stack, data, turn)]
        if peers.has_motia():
            alternatives += _motia(stack, data, turn)
        results = take_turns(alternatives, seconds=options.seconds, rounds=options.rounds)
    settings |= peers.settings()
    print_row(
        make_row(
            "bench_flow", results, arguments=arguments, rounds=options.rounds, settings=settings
        )
    )


def _ours(stack: contextlib.ExitStack, data: Path, project: str | Path, name: str) -> Flow:
    noted = data / f"{name}-ledger"
    noted.mkdir()
    env = {ledger.FOLDER: str(noted.resolve())}
    server = stack.enter_context(
        serving_project(project, SETTINGS, data=data / name, ready="/ready", env=env)
    )
    return Flow(server=server, pids=(server.pid,), request=ORDER, ledger=noted)


def _orders(
    stack: contextlib.ExitStack, data: Path, turn: functools.partial[Sample]
) -> list[Alternative]:
    place = data / "bare"
    place.mkdir()
    env = {apps_lmdb.FOLDER: str(place.resolve())}
    bare = stack.enter_context(serving("bench.apps_lmdb:app", SETTINGS, ready="/ready", env=env))
    flow = _ours(stack, data, "flow", "flow")
    answered = msgspec.structs.replace(flow, waits=False)
    return [
        _alternative(BARE, Flow(server=bare, pids=(bare.pid,), request=ORDER), BARE, turn),
        _alternative(ANSWERED, answered, BARE, turn),
        _alternative(HANDLED, flow, BARE, turn),
    ]


def _longer(
    stack: contextlib.ExitStack, data: Path, turn: functools.partial[Sample]
) -> list[Alternative]:
    chain = _ours(stack, data, write_chain(data / "chain-project", LINKS), "chain")
    chain = msgspec.structs.replace(chain, request=CHAIN)
    found = [_alternative(f"chain of {LINKS}", chain, HANDLED, turn)]
    fan = _ours(stack, data, write_fan(data / "fan-project", WIDTHS), "fan")
    for width in WIDTHS:
        one = msgspec.structs.replace(
            fan,
            request=Request(path=f"/fan/{width}", method="POST", body="{}"),
            events=width,
            seconds_max=FAN_SECONDS_MAX,
        )
        curve = Curve(of="fan-out", axis="listeners of the event", at=width)
        alternative = _alternative(f"fan-out to {width}", one, f"fan-out to {WIDTHS[0]}", turn)
        found.append(msgspec.structs.replace(alternative, curve=curve))
    return found


def _motia(
    stack: contextlib.ExitStack, data: Path, turn: functools.partial[Sample]
) -> list[Alternative]:
    motia = stack.enter_context(serving_motia(data / "motia", fsync="always"))
    flow = Flow(
        server=motia.server,
        pids=(motia.server.pid, motia.redis_pid),
        request=ORDER,
        ledger=motia.ledger,
        count_min=MOTIA_COUNT_MIN,
    )
    return [_alternative("motia, order, handled", flow, HANDLED, turn)]


def _alternative(
    name: str, flow: Flow, ratio_to: str, turn: functools.partial[Sample]
) -> Alternative:
    return Alternative(name=name, turn=functools.partial(turn, flow), ratio_to=ratio_to)


def _turn(flow: Flow, seconds: float, *, connections: int) -> Sample:
    """One turn; its operations are requests, its latencies those of events where it waits.

    All events are waited for in any case, so that the next turn has the machine to itself.
    """
    cpu_s = sum(map(tree_cpu_s, flow.pids))
    load = run(
        "python",
        flow.server.port,
        flow.request,
        seconds=min(seconds, flow.seconds_max),
        connections=connections,
        count_min=flow.count_min,
    )
    answered = Sample(
        per_s=load.count / load.elapsed_s,
        p50_ms=load.p50_ms,
        p99_ms=load.p99_ms,
        cpu_us=0.0,
        quantiles_ms=load.quantiles_ms,
    )
    if flow.ledger is not None:
        ledger.wait_for(flow.ledger, load.count * flow.events, is_alive=lambda: True)
    cpu_us = (sum(map(tree_cpu_s, flow.pids)) - cpu_s) / load.count * 1e6
    if flow.ledger is None:
        return msgspec.structs.replace(answered, cpu_us=cpu_us)
    last_s, latencies_s = ledger.take(flow.ledger)
    if not flow.waits:
        return msgspec.structs.replace(answered, cpu_us=cpu_us)
    return Sample(
        per_s=load.count / (last_s - load.begin_s),
        p50_ms=percentile_ms(latencies_s, 0.5),
        p99_ms=percentile_ms(latencies_s, 0.99),
        cpu_us=cpu_us,
        more={"answer_p50_ms": load.p50_ms, "answer_p99_ms": load.p99_ms},
        quantiles_ms=quantiles_ms(latencies_s),
    )


if __name__ == "__main__":
    main(sys.argv[1:])
