"""A row: what a bench measured, on which machine, with which versions, by which command."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
import shlex
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

PACKAGES = (
    "motia-actors",
    "falcon",
    "gunicorn",
    "gevent",
    "pykka",
    "lmdb",
    "msgspec",
    "uvloop",
    "fastapi",
    "uvicorn",
    "dramatiq",
    "celery",
    "taskiq",
    "taskiq-redis",
    "huey",
    "redis",
)
QUANTILES = (0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999)
"""The shares of all operations that a distribution of latencies is told by."""


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """What one turn of one alternative measured.

    `cpu_us` is the processor time of each operation, of all processes that took part but the
    load generator; `more` holds figures that one bench alone has. `quantiles_ms` are the
    latencies at QUANTILES, or nothing.
    """

    per_s: float
    p50_ms: float
    p99_ms: float
    cpu_us: float
    more: Mapping[str, float] = {}
    quantiles_ms: Sequence[float] = ()


class Curve(msgspec.Struct, frozen=True, kw_only=True):
    """The place of a result on a curve: `of` names it, `at` is how much of `axis` there was."""

    of: str
    axis: str
    at: float


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """The middle of all rounds, and their extremes."""

    median: float
    min: float
    max: float

    @classmethod
    def of(cls, figures: Sequence[float]) -> Spread:
        """Summarize the figures of all rounds, to four digits."""
        return cls(
            median=_short(statistics.median(figures)),
            min=_short(min(figures)),
            max=_short(max(figures)),
        )


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What one alternative came to.

    `ratio` is its operations a second over those of `ratio_to` in the same round. `each` has
    every figure of every round, in their order, so that any two results of a row can be compared.
    """

    name: str
    per_s: Spread
    p50_ms: Spread
    p99_ms: Spread
    cpu_us: Spread
    ratio: Spread
    ratio_to: str
    more: Mapping[str, Spread] = {}
    each: Mapping[str, Sequence[float]] = {}
    quantiles_ms: Sequence[float] = ()
    curve: Curve | None = None


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """Where it ran."""

    cpus: int
    model: str
    kernel: str
    python: str


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """All that a bench has to say."""

    bench: str
    command: str
    machine: Machine
    versions: Mapping[str, str]
    at: str
    rounds: int
    settings: Mapping[str, str | int | float]
    results: Sequence[Result]
    load_average: float = 0.0
    """Of the machine over its last minute, at the end: what others did meanwhile is in it too."""


def make_row(
    bench: str,
    results: Sequence[Result],
    *,
    arguments: Sequence[str],
    rounds: int,
    settings: Mapping[str, str | int | float],
) -> Row:
    """Put the results of this process together with where they come from."""
    return Row(
        bench=bench,
        command=shlex.join(["python", "-m", f"bench.{bench}", *arguments]),
        machine=machine(),
        versions=versions(),
        at=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        rounds=rounds,
        settings=settings,
        results=results,
        load_average=round(os.getloadavg()[0], 2),
    )


def print_row(row: Row) -> None:
    """Write the row to stdout, as one line."""
    sys.stdout.write(msgspec.json.encode(row).decode() + "\n")


def machine() -> Machine:
    """Describe this machine."""
    return Machine(
        cpus=os.cpu_count() or 1,
        model=_cpu_model(),
        kernel=f"{platform.system()} {platform.release()}",
        python=f"{platform.python_implementation()} {platform.python_version()}",
    )


def versions() -> dict[str, str]:
    """List the versions of the packages that take part, and the commit, as far as there are any."""
    installed = {}
    for package in PACKAGES:
        try:
            installed[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    commit = _commit()
    return {**installed, "commit": commit} if commit else installed


def percentile_ms(latencies_s: Sequence[float], share: float) -> float:
    """Find the latency that this share of all did not exceed, in milliseconds; 0 of none."""
    if not latencies_s:
        return 0.0
    ordered = sorted(latencies_s)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000


def quantiles_ms(latencies_s: Sequence[float]) -> list[float]:
    """Find the latencies at QUANTILES, in milliseconds; nothing of none."""
    if not latencies_s:
        return []
    ordered = sorted(latencies_s)
    last = len(ordered) - 1
    return [_short(ordered[min(last, int(len(ordered) * share))] * 1000) for share in QUANTILES]


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())


def _commit() -> str:
    """Name the commit that is checked out, if this is a checkout."""
    command = ["git", "describe", "--always", "--dirty"]
    try:
        asked = subprocess.run(
            command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False
        )
    except OSError:
        return ""
    return asked.stdout.strip()


def _short(figure: float) -> float:
    return float(f"{figure:.4g}")
