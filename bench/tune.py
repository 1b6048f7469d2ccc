"""Find mailbox size and concurrency for a step under a load, and say why.

    python -m bench tune examples/orders --url /orders --method POST --body '{"item": "tea", …}' \
        --step steps/create_order_step.py --per-s 300
    python -m bench tune examples/orders --topic order.created --body '{"id": "1"}' \
        --step steps/charge_payment_step.py --per-s 300

The load are requests, or events of a topic. Of an event step its runs are counted, and what the
events take from their emit to their end; `--events` says that --step is one that the requests
set off.

Two sweeps, each setting on a server of its own: first the concurrency, with a mailbox that refuses
nothing; then the mailbox, with the concurrency that was found. Little's law stands beside them: in
flight are as many as come a second times the seconds each takes.
"""

from __future__ import annotations

import argparse
import functools
import math
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from bench import plots
from bench.event_load import TOKEN, EventLoad
from bench.load import Request
from bench.open_load import Seen, load
from bench.options import RESULTS
from bench.rows import Curve, Result, Sample, make_row
from bench.servers import OUR_WORKER, GunicornSettings, serving_project
from bench.turns import Alternative, take_turns

CONCURRENCIES = (1, 2, 4, 8, 16, 32, 64)
MAILBOXES = (1, 4, 16, 64, 256, 1024)
TRICKLE_PER_S = 20.0
NEARLY = 0.95
"""So much of the best throughput is as good as the best."""
REJECTED_MAX = 0.001
FILE = "infrastructure.toml"
ANSWERED, HANDLED = ("requests", "answered"), ("events", "handled")
"""What comes, and what becomes of it."""


class Point(msgspec.Struct, frozen=True):
    """One setting and what was seen under it."""

    at: int
    seen: Seen


class Advice(msgspec.Struct, frozen=True, kw_only=True):
    """What is recommended, and the sentences that say why."""

    concurrency: int
    mailbox: int
    reasons: Sequence[str]


def main(arguments: Sequence[str]) -> None:
    """Sweep as arguments say, print what was seen and what follows, and write it if asked to."""
    options = _parser().parse_args(arguments)
    project: Path = options.project.resolve()
    request = _request_of(options)
    measure = functools.partial(_measure, project, options.step, request, options)
    alone = measure(max(CONCURRENCIES), max(MAILBOXES), per_s=TRICKLE_PER_S)
    if not alone.per_s:
        raise SystemExit(f"nothing ran {options.step}: is it what this load is for?")
    _tell(f"a call by itself takes {alone.mean_ms:.2f} ms on average")
    words = HANDLED if _is_of_events(options) else ANSWERED
    wide = _sweep("concurrency", CONCURRENCIES, lambda at: measure(at, max(MAILBOXES)), words)
    concurrency = best_concurrency(wide)
    deep = _sweep("mailbox", MAILBOXES, lambda at: measure(concurrency, at), words)
    advice = advise(
        wide,
        deep,
        per_s=options.per_s,
        alone_ms=alone.mean_ms,
        wait_ms_max=options.p99_ms,
        words=words,
    )
    for reason in advice.reasons:
        print(reason)
    text = table_of(options.step, advice)
    print(f"\n{text}")
    _plot(options, arguments, {"concurrency": wide, "mailbox": deep})
    if options.write:
        (project / FILE).write_text(with_table(project, text), "utf-8")
        print(f"written into {project / FILE}")


def best_concurrency(points: Sequence[Point]) -> int:
    """The least concurrency that answers nearly as many as the best does."""
    best = max(point.seen.per_s for point in points)
    return min(point.at for point in points if point.seen.per_s >= NEARLY * best)


def advise(
    wide: Sequence[Point],
    deep: Sequence[Point],
    *,
    per_s: float,
    alone_ms: float,
    wait_ms_max: float,
    words: tuple[str, str] = ANSWERED,
) -> Advice:
    """What follows from the sweeps, with Little's law beside them.

    Args:
        wide: By concurrency, with the largest mailbox.
        deep: By mailbox, with the concurrency that best_concurrency finds.
        per_s: Of the load.
        alone_ms: What a call takes that has nobody beside it.
        wait_ms_max: What the slowest percent of callers, or events, may wait.
        words: Of which kind they are.
    """
    concurrency = best_concurrency(wide)
    in_flight = per_s * alone_ms / 1000
    chosen = next(point.seen for point in wide if point.at == concurrency)
    law = math.ceil(per_s * max(0.0, wait_ms_max - alone_ms) / 1000)
    quick = [one for one in deep if one.seen.p99_ms <= wait_ms_max] or [deep[0]]
    whole = [one for one in quick if one.seen.rejected <= REJECTED_MAX]
    mailbox = whole[0].at if whole else quick[-1].at
    at_mailbox = next(one.seen for one in deep if one.at == mailbox)
    why_wide = (
        f"concurrency {concurrency}: {chosen.per_s:.0f} of {per_s:.0f} {words[0]} a second were "
        f"{words[1]}, and more at a time does hardly more. Little's law asks for {in_flight:.1f} "
        f"in flight ({per_s:.0f} a second, {alone_ms:.2f} ms each)."
    )
    why_deep = (
        f"mailbox {mailbox}: p99 {at_mailbox.p99_ms:.1f} ms of {wait_ms_max:.0f}, "
        f"{at_mailbox.rejected:.2%} refused. By Little's law {law} may wait if the last of them is "
        f"to have its turn within {wait_ms_max:.0f} ms."
    )
    reasons = [why_wide, why_deep]
    if not whole:
        reasons.append(
            "No mailbox keeps that p99 and refuses nobody: the load is more than one worker can do."
        )
    return Advice(concurrency=concurrency, mailbox=mailbox, reasons=reasons)


def table_of(step: str, advice: Advice) -> str:
    """The advice as a table of infrastructure.toml."""
    return (
        f'["{step}"]\nconcurrency = {advice.concurrency}\nmailbox = {{ size = {advice.mailbox} }}\n'
    )


def merged_into(text: str, table: str) -> str:
    """The text of infrastructure.toml with a step's table in the place of a former one."""
    header = table.splitlines()[0]
    kept: list[str] = []
    is_ours = False
    for line in text.splitlines():
        if line.startswith("["):
            is_ours = line.strip() == header
        if not is_ours:
            kept.append(line)
    before = "\n".join(kept).strip()
    return f"{before}\n\n{table}" if before else table


def with_table(project: Path, table: str) -> str:
    """The project's infrastructure.toml, with table in it."""
    path = project / FILE
    return merged_into(path.read_text("utf-8") if path.exists() else "", table)


def _measure(
    project: Path,
    step: str,
    request: Request,
    options: argparse.Namespace,
    concurrency: int,
    mailbox: int,
    *,
    per_s: float | None = None,
) -> Seen:
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        file = Path(folder) / FILE
        tried = Advice(concurrency=concurrency, mailbox=mailbox, reasons=())
        file.write_text(with_table(project, table_of(step, tried)), "utf-8")
        settings = GunicornSettings(worker_class=OUR_WORKER, threads=options.threads)
        with serving_project(
            project,
            settings,
            data=Path(folder) / "store",
            ready="/readyz",
            env={
                "MOTIA_INFRASTRUCTURE": str(file),
                "MOTIA_CONNECTIONS_PER_ADDRESS_MAX": "100000",
                "MOTIA_CONTROL_TOKEN": TOKEN,
            },
        ) as server:
            rate = per_s or options.per_s
            run: Callable[..., Seen] = functools.partial(load, server.port)
            if _is_of_events(options):
                run = EventLoad(server.port, Path(folder) / "store", step).run
            run([request], per_s=min(rate, TRICKLE_PER_S), seconds=0.5)
            return run([request], per_s=rate, seconds=options.seconds)


def _is_of_events(options: argparse.Namespace) -> bool:
    return bool(options.events or options.topic)


def _request_of(options: argparse.Namespace) -> Request:
    if options.topic:
        data = msgspec.json.decode(options.body or "null")
        body = msgspec.json.encode({"topic": options.topic, "data": data}).decode()
        return Request(path="/emit", method="POST", body=body, token=TOKEN)
    return Request(path=options.url, method=options.method.upper(), body=options.body)


def _sweep(
    name: str,
    settings: Sequence[int],
    measure: Callable[[int], Seen],
    words: tuple[str, str],
) -> list[Point]:
    points = []
    print(f"\n{name:>12} {words[1] + '/s':>11} {'p50 ms':>9} {'p99 ms':>9} {'refused':>9}")
    for at in settings:
        seen = measure(at)
        points.append(Point(at, seen))
        print(
            f"{at:>12} {seen.per_s:>11.0f} {seen.p50_ms:>9.2f} {seen.p99_ms:>9.2f} "
            f"{seen.rejected:>9.2%}",
            flush=True,
        )
    return points


def _plot(
    options: argparse.Namespace, arguments: Sequence[str], sweeps: dict[str, list[Point]]
) -> None:
    results: list[Result] = []
    for axis, points in sweeps.items():
        alternatives = [
            Alternative(
                name=f"{axis} {point.at}",
                turn=functools.partial(_sample, point.seen),
                ratio_to=f"{axis} {points[0].at}",
                curve=Curve(of="answered", axis=axis, at=point.at),
            )
            for point in points
        ]
        results += take_turns(alternatives, seconds=0.0, rounds=1)
    row = make_row("tune", results, arguments=arguments, rounds=1, settings={"step": options.step})
    options.out.mkdir(parents=True, exist_ok=True)
    with (options.out / "rows.jsonl").open("ab") as file:
        file.write(msgspec.json.encode(row) + b"\n")
    if plots.is_available():
        for path in plots.plot(row, options.out / "plots"):
            _tell(f"drawn: {path}")


def _sample(seen: Seen, _seconds: float) -> Sample:
    return Sample(
        per_s=max(seen.per_s, 1e-9),
        p50_ms=seen.p50_ms,
        p99_ms=seen.p99_ms,
        cpu_us=0.0,
        more={"rejected": seen.rejected, "failed": seen.failed},
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench tune",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("project", type=Path, help="folder that holds steps/ or src/")
    parser.add_argument("--step", required=True, help="the step's file, seen from the project")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--url", help="path that is asked for")
    what.add_argument("--topic", help="of the events that are emitted")
    parser.add_argument("--events", action="store_true", help="--step is of events")
    parser.add_argument("--method", default="GET")
    parser.add_argument("--body", default="", help="JSON; of an event its data")
    parser.add_argument("--per-s", type=float, default=200.0, help="requests or events a second")
    parser.add_argument("--p99-ms", type=float, default=250.0, help="what may be waited")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each setting")
    parser.add_argument("--threads", type=int, default=32, help="of the worker")
    parser.add_argument("--write", action="store_true", help=f"into the project's {FILE}")
    parser.add_argument("--folder", type=Path, default=None, help="on the disk to be measured")
    parser.add_argument("--out", type=Path, default=RESULTS / "tune", help="for rows and plots")
    return parser


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
