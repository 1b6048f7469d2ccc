"""What the suite is to show: ratios to peers in one run, and whether they were met."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from bench.rows import Result, Row, Spread

FLUSH = "a flush for each group of events, `fdatasync of a page`, and then interpreter time"
INTERPRETER = "interpreter time of a request: `canned answers from epoll`"
QUEUES = ("dramatiq", "taskiq")
LOSSY = ("huey",)
"""What a worker of it holds when it dies is lost: less is written to disk than by the others."""
CELERIES = ("celery threads", "celery prefork")


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """One figure of ours, over that of the best of others in the same round; or on its own.

    `limit` is what stands in the way and the nearest physical limit, by its name in
    `bench_limits`.
    """

    name: str
    bench: str
    ours: str
    theirs: tuple[str, ...] = ()
    figure: str = "per_s"
    sense: Literal["at least", "at most"] = "at least"
    wanted: float
    limit: str


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What a target came to: measured is None where its bench or its peer did not run."""

    target: Target
    measured: Spread | None

    @property
    def is_met(self) -> bool | None:
        """The middle of the rounds keeps the target; None: not measured."""
        if self.measured is None:
            return None
        wanted, measured = self.target.wanted, self.measured.median
        return measured >= wanted if self.target.sense == "at least" else measured <= wanted


def _events(emitters: int, *, workers: int = 1, is_async: bool = False) -> list[Target]:
    among = "async steps, " if is_async else ""
    among += "" if workers == 1 else f"{workers} workers, "
    ours = f"emit to handled, {among}{emitters} at once"
    suffix = f", fsync always, {emitters} at once"
    return [
        Target(
            name=f"events end to end against Celery, {among}{emitters} emitters",
            bench="bench_emit",
            ours=ours,
            theirs=tuple(f"{name}{suffix}" for name in CELERIES),
            wanted=5.0,
            limit=FLUSH,
        ),
        Target(
            name=f"events end to end against the fastest other queue as durable, "
            f"{among}{emitters} emitters",
            bench="bench_emit",
            ours=ours,
            theirs=tuple(f"{name}{suffix}" for name in QUEUES),
            wanted=3.0,
            limit=FLUSH,
        ),
        Target(
            name=f"events end to end against Huey, which is not, {among}{emitters} emitters",
            bench="bench_emit",
            ours=ours,
            theirs=tuple(f"{name}{suffix}" for name in LOSSY),
            wanted=3.0,
            limit=FLUSH,
        ),
    ]


TARGETS = (
    Target(
        name="hello step on our worker against FastAPI on uvicorn",
        bench="bench_http",
        ours="api step, our worker",
        theirs=("FastAPI, uvicorn",),
        wanted=1.0,
        limit=INTERPRETER,
    ),
    Target(
        name="hello step on our worker against falcon on gthread",
        bench="bench_http",
        ours="api step, our worker",
        theirs=("falcon, gthread",),
        wanted=3.0,
        limit=INTERPRETER,
    ),
    Target(
        name="hello step against falcon, both on gthread",
        bench="bench_http",
        ours="api step, gthread",
        theirs=("falcon, gthread",),
        wanted=0.9,
        limit="gthread itself is most of it: `bare WSGI, gthread`",
    ),
    Target(
        name="hello step against Motia's in TypeScript",
        bench="bench_http",
        ours="api step, our worker",
        theirs=("motia, TypeScript",),
        wanted=300.0,
        limit=INTERPRETER,
    ),
    Target(
        name="hello step against Motia's in Python",
        bench="bench_http",
        ours="api step, our worker",
        theirs=("motia, Python",),
        wanted=300.0,
        limit=INTERPRETER,
    ),
    Target(
        name="validating step against Motia's",
        bench="bench_http",
        ours="api step, our worker, POST checked",
        theirs=("motia, TypeScript, POST checked",),
        wanted=300.0,
        limit=INTERPRETER,
    ),
    *_events(1),
    *_events(8),
    *_events(32),
    *_events(32, workers=2),
    *_events(8, is_async=True),
    *_events(32, is_async=True),
    Target(
        name="p99 of a step call under load against falcon on our worker",
        bench="bench_http",
        ours="api step, our worker",
        theirs=("falcon, our worker",),
        figure="p99_ms",
        sense="at most",
        wanted=2.0,
        limit="whoever else wants the processors",
    ),
    Target(
        name="p99 of a step call under load against falcon, both on gthread",
        bench="bench_http",
        ours="api step, gthread",
        theirs=("falcon, gthread",),
        figure="p99_ms",
        sense="at most",
        wanted=2.0,
        limit="whoever else wants the processors",
    ),
    Target(
        name="two workers against one, step of 1 ms",
        bench="bench_scale",
        ours="step of 1 ms, 2 workers",
        theirs=("step of 1 ms, 1 worker",),
        wanted=1.7,
        limit="two processors, which the client shares",
    ),
    Target(
        name="two workers against one, hello at 64 connections",
        bench="bench_scale",
        ours="api step, 2 workers, 64 connections",
        theirs=("api step, 1 worker, 64 connections",),
        wanted=1.7,
        limit="two processors and the client: 2 `CPU µs` / (`CPU µs` + `client_us`) at most",
    ),
    Target(
        name="milliseconds to the first answer with 100 steps",
        bench="bench_start",
        ours="100 steps",
        figure="p50_ms",
        sense="at most",
        wanted=1000.0,
        limit="imports: `start of an interpreter`, and `falcon, our worker` of bench_start",
    ),
    Target(
        name="megabytes of a worker with 100 steps",
        bench="bench_start",
        ours="100 steps",
        figure="worker_mb",
        sense="at most",
        wanted=70.0,
        limit="falcon on the same worker: `worker_mb` of bench_start",
    ),
)


def verdicts(rows: Sequence[Row]) -> list[Verdict]:
    """Hold the targets against rows, the last of each bench."""
    benches = {row.bench: {result.name: result for result in row.results} for row in rows}
    return [
        Verdict(target=target, measured=measure(target, benches.get(target.bench, {})))
        for target in TARGETS
    ]


def measure(target: Target, results: Mapping[str, Result]) -> Spread | None:
    """The figure over that of the best of theirs in each round; None where one is not there."""
    ours = results.get(target.ours)
    if ours is None or target.figure not in ours.each:
        return None
    mine = ours.each[target.figure]
    if not target.theirs:
        return Spread.of(mine)
    others = [results[name].each[target.figure] for name in target.theirs if name in results]
    if not others:
        return None
    best = max if target.sense == "at least" else min
    rounds = zip(mine, *others, strict=True)
    return Spread.of([one / best(rest) if best(rest) else math.inf for one, *rest in rounds])


def table(found: Sequence[Verdict]) -> str:
    """Write verdicts as a table of Markdown."""
    lines = ["| target | wanted | measured | met | limited by |", "|---|---|---|---|---|"]
    for verdict in found:
        target, measured = verdict.target, verdict.measured
        shown = "not measured"
        if measured is not None:
            shown = f"{measured.median:.4g} ({measured.min:.4g}..{measured.max:.4g})"
        met = {True: "yes", False: "**no**", None: ""}[verdict.is_met]
        sign = ">=" if target.sense == "at least" else "<="
        cells = [target.name, f"{sign} {target.wanted:g}", shown, met, target.limit]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
