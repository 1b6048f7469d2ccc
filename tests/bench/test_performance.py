"""What must stay fast, measured beside those who do the same, in turns, in one run.

Ratios with a margin, never seconds. Where it can be, the processor time of an operation is
compared, at the best of some turns: what else the machine does makes it grow the least.
`python -m bench` has the figures themselves; `bench/README.md` the targets they are held to.
"""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from bench import bench_emit, bench_start
from bench.disk import folder_on_disk
from bench.load import Request, sample_of_load
from bench.options import RESULTS
from bench.peers import choice, motia
from bench.peers.rigs import PEERS, rig
from bench.rows import Result, Sample
from bench.servers import (
    OUR_WORKER,
    GunicornSettings,
    Server,
    serving,
    serving_project,
    serving_uvicorn,
)
from bench.turns import Alternative, take_turns

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

HELLO = Request(path="/hello")
OURS = GunicornSettings(worker_class=OUR_WORKER, threads=32)
STOCK = GunicornSettings(threads=32)
SECONDS = 0.4
ROUNDS = 3
CONNECTIONS = 16
EMITTERS = 8
QUEUES = ("dramatiq", "taskiq", "huey")


@pytest.fixture
def data() -> Iterator[Path]:
    with folder_on_disk(RESULTS) as path:
        yield path


def needs(*packages: str, needs_redis: bool = False) -> None:
    """Skip where something is missing; in CI that is a failure."""
    reason = choice.missing(packages, needs_redis=needs_redis)
    if reason and os.environ.get("CI"):
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)


def measured(servers: Mapping[str, Server], *, count_min: int = 1) -> dict[str, Result]:
    """Load each server in its turn with greetings."""

    def turn(server: Server, seconds: float) -> Sample:
        return sample_of_load(
            "python",
            server,
            HELLO,
            connections=CONNECTIONS,
            seconds=seconds,
            count_min=count_min,
        )

    alternatives = [
        Alternative(name=name, turn=functools.partial(turn, server), ratio_to=name)
        for name, server in servers.items()
    ]
    results = take_turns(alternatives, seconds=SECONDS, rounds=ROUNDS)
    return {result.name: result for result in results}


def least(result: Result, figure: str) -> float:
    return min(result.each[figure])


def test_a_hello_step_costs_hardly_more_than_fastapi_and_less_than_gthread(
    data: Path,
) -> None:
    needs("fastapi", "uvicorn")
    with contextlib.ExitStack() as stack:
        enter = stack.enter_context
        found = measured(
            {
                "ours": enter(serving_project("hello", OURS, data=data / "o", ready="/hello")),
                "fastapi": enter(serving_uvicorn("bench.apps_fastapi:app", ready="/hello")),
                "gthread": enter(serving("bench.apps:with_falcon", STOCK, ready="/hello")),
            }
        )

    ours = least(found["ours"], "cpu_us")
    assert ours <= 1.9 * least(found["fastapi"], "cpu_us")
    assert ours * 1.2 <= least(found["gthread"], "cpu_us")


def test_a_step_on_gthread_costs_little_more_than_falcon_there(data: Path) -> None:
    with contextlib.ExitStack() as stack:
        enter = stack.enter_context
        found = measured(
            {
                "ours": enter(serving_project("hello", STOCK, data=data / "o", ready="/hello")),
                "falcon": enter(serving("bench.apps:with_falcon", STOCK, ready="/hello")),
            }
        )

    assert least(found["ours"], "cpu_us") <= 1.7 * least(found["falcon"], "cpu_us")


def test_the_slowest_calls_of_a_step_are_near_those_of_falcon(data: Path) -> None:
    with contextlib.ExitStack() as stack:
        enter = stack.enter_context
        found = measured(
            {
                "ours": enter(serving_project("hello", OURS, data=data / "o", ready="/hello")),
                "falcon": enter(serving("bench.apps:with_falcon", OURS, ready="/hello")),
            }
        )

    assert least(found["ours"], "p99_ms") <= 5.0 * least(found["falcon"], "p99_ms")


def test_a_request_costs_two_workers_hardly_more_than_one(data: Path) -> None:
    both = GunicornSettings(worker_class=OUR_WORKER, workers=2, threads=32)
    with contextlib.ExitStack() as stack:
        enter = stack.enter_context
        found = measured(
            {
                "one": enter(serving_project("hello", OURS, data=data / "1", ready="/hello")),
                "two": enter(serving_project("hello", both, data=data / "2", ready="/hello")),
            }
        )

    assert least(found["two"], "cpu_us") <= 1.8 * least(found["one"], "cpu_us")


def test_an_event_costs_less_than_half_of_what_any_other_queue_takes(data: Path) -> None:
    needs("dramatiq", "taskiq", "taskiq_redis", "huey", "redis", needs_redis=True)

    ours, theirs = beside_queues(data, QUEUES)

    assert ours * 2.2 <= min(theirs.values())


@pytest.mark.stress
def test_an_event_costs_an_eighth_of_what_celery_takes(data: Path) -> None:
    needs("celery", "redis", needs_redis=True)

    ours, theirs = beside_queues(data, ("celery threads", "celery prefork"))

    assert ours * 8 <= min(theirs.values())


def beside_queues(data: Path, names: tuple[str, ...]) -> tuple[float, dict[str, float]]:
    """The least processor time of an event from emit to handled: ours, and that of each queue."""
    with contextlib.ExitStack() as stack:
        served = bench_emit.started(data, stack, workers=1)
        turns = {"ours": functools.partial(bench_emit.turn_of, served, EMITTERS)}
        for peer in PEERS:
            if peer.name in names:
                running = stack.enter_context(rig(peer, data / peer.name, fsync="always"))
                turns[peer.name] = functools.partial(running.turn, EMITTERS)
        alternatives = [
            Alternative(name=name, turn=turn, ratio_to=name) for name, turn in turns.items()
        ]
        results = take_turns(alternatives, seconds=SECONDS, rounds=ROUNDS)
    costs = {result.name: least(result, "cpu_us") for result in results}
    return costs.pop("ours"), costs


def test_a_hundred_steps_start_in_few_times_what_bare_falcon_takes(data: Path) -> None:
    ways = {"falcon": bench_start.start_falcon, "steps": bench_start.ours(data, 100)[1]}
    alternatives = [
        Alternative(name=name, turn=functools.partial(bench_start.turn_of, start), ratio_to=name)
        for name, start in ways.items()
    ]

    falcon, steps = take_turns(alternatives, seconds=0.05, rounds=ROUNDS)

    assert least(steps, "cpu_us") <= 6 * least(falcon, "cpu_us")
    assert least(steps, "worker_mb") <= 70.0


@pytest.mark.stress
def test_a_step_answers_hundreds_of_times_as_many_as_motia(data: Path) -> None:
    if motia.missing():
        pytest.skip(motia.missing())
    with contextlib.ExitStack() as stack:
        enter = stack.enter_context
        found = measured(
            {
                "ours": enter(serving_project("hello", OURS, data=data / "o", ready="/hello")),
                "motia": enter(motia.serving_motia(data / "m", fsync="everysec")).server,
            },
            count_min=CONNECTIONS,
        )

    assert max(found["ours"].each["per_s"]) >= 300 * max(found["motia"].each["per_s"])
