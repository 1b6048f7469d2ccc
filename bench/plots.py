"""Plots of a row: throughput with its spread, latencies, and what grows with what.

matplotlib is of the extra `bench`; without it there are tables only.
"""

from __future__ import annotations

import importlib.util
import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.rows import QUANTILES, Result, Row

LINES_MAX = 12
"""Of a plot of latencies: more could not be told apart."""
LOG_FROM = 30.0
"""Bars whose lengths differ by more than this factor are drawn on a logarithmic axis."""
FORMATS = ("svg", "png")
BAR_INCHES = 0.32
WIDTH_INCHES = 9.0
MINIMUM = 1e-6


def is_available() -> bool:
    """Look for matplotlib."""
    return importlib.util.find_spec("matplotlib") is not None


def plot(row: Row, folder: Path, *, format: str = "svg") -> list[Path]:  # noqa: A002 (its name)
    """Draw all there is to draw of a row into files of a folder; answers their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    plain = [result for result in row.results if result.curve is None]
    curves: dict[str, list[Result]] = defaultdict(list)
    for result in row.results:
        if result.curve is not None:
            curves[result.curve.axis].append(result)
    files = []
    if plain:
        files.append(_bars(row, plain, folder / f"{row.bench}-throughput.{format}"))
    told = [result for result in (plain or row.results) if result.quantiles_ms]
    if told:
        files.append(_latencies(row, told[:LINES_MAX], folder / f"{row.bench}-latency.{format}"))
    for axis, results in curves.items():
        name = re.sub(r"\W+", "-", axis)
        files.append(_growth(row, axis, results, folder / f"{row.bench}-{name}.{format}"))
    return files


def _bars(row: Row, results: Sequence[Result], path: Path) -> Path:
    figure, axes = _figure(row, height=1.2 + BAR_INCHES * len(results))
    names = [result.name for result in results]
    middles = [result.per_s.median for result in results]
    spread = [
        [result.per_s.median - result.per_s.min for result in results],
        [result.per_s.max - result.per_s.median for result in results],
    ]
    axes.barh(names, middles, xerr=spread, capsize=3, color="#4878a8", ecolor="#222222")
    axes.invert_yaxis()
    if max(middles) > LOG_FROM * max(min(middles), MINIMUM):
        axes.set_xscale("log")
    axes.set_xlabel("operations a second: middle, least and most of all rounds")
    return _save(figure, path)


def _latencies(row: Row, results: Sequence[Result], path: Path) -> Path:
    figure, axes = _figure(row, height=5.0)
    for result in results:
        # The same distance for each nine: 0.9, 0.99, 0.999.
        places = [1 / (1 - share) for share in QUANTILES]
        heights = [max(latency, MINIMUM) for latency in result.quantiles_ms]
        axes.plot(places, heights, marker=".", label=result.name)
    axes.set_xscale("log")
    axes.set_yscale("log")
    shown = [share for share in QUANTILES if share in (0.1, 0.5, 0.9, 0.99, 0.999)]
    axes.set_xticks([1 / (1 - share) for share in shown], [f"{share:.1%}" for share in shown])
    axes.minorticks_off()
    axes.set_xlabel("share of all operations that took no longer")
    axes.set_ylabel("milliseconds")
    axes.legend(fontsize="small")
    return _save(figure, path)


def _growth(row: Row, axis: str, results: Sequence[Result], path: Path) -> Path:
    figure, axes = _figure(row, height=5.0)
    lines: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        assert result.curve is not None
        lines[result.curve.of].append(result)
    for name, members in lines.items():
        places = [result.curve.at for result in members if result.curve]
        middles = [result.per_s.median for result in members]
        spread = [
            [result.per_s.median - result.per_s.min for result in members],
            [result.per_s.max - result.per_s.median for result in members],
        ]
        axes.errorbar(places, middles, yerr=spread, marker="o", capsize=3, label=name)
    axes.set_xscale("symlog")
    axes.set_yscale("log")
    axes.set_xlabel(axis)
    axes.set_ylabel("operations a second")
    axes.legend(fontsize="small")
    return _save(figure, path)


def _figure(row: Row, *, height: float) -> tuple[Any, Any]:
    figure_module: Any = importlib.import_module("matplotlib.figure")
    figure = figure_module.Figure(figsize=(WIDTH_INCHES, height), layout="constrained")
    axes = figure.subplots()
    machine = f"{row.machine.cpus} CPUs, {row.machine.model}, load {row.load_average:g}"
    axes.set_title(f"{row.bench}, {row.at[:16]}\n{machine}", fontsize="small")
    axes.grid(visible=True, alpha=0.3)
    return figure, axes


def _save(figure: Any, path: Path) -> Path:
    figure.savefig(path)
    return path
