"""Rows as tables of Markdown: `python -m bench.bench_ask | python -m bench.table`."""

from __future__ import annotations

import sys

import msgspec

from bench.rows import Result, Row, Spread


def table(row: Row) -> str:
    """Write a row as where it comes from and a table of its results."""
    machine = row.machine
    settings = ", ".join(f"{name} {value}" for name, value in row.settings.items())
    versions = ", ".join(f"{name} {value}" for name, value in row.versions.items())
    lines = [
        f"`{row.command}`, {row.at}, {row.rounds} rounds, load {row.load_average:g}; {settings}",
        "",
        f"{machine.cpus} CPUs, {machine.model}, {machine.kernel}, {machine.python}; {versions}",
        "",
        "| | ratio | per second | p50 ms | p99 ms | CPU µs | more |",
        "|---|---|---|---|---|---|---|",
        *map(_line, row.results),
    ]
    return "\n".join(lines)


def _line(result: Result) -> str:
    ratio = "1" if result.ratio_to == result.name else f"**{_spread(result.ratio)}**"
    cells = [
        result.name,
        ratio,
        _spread(result.per_s),
        f"{result.p50_ms.median:g}",
        f"{result.p99_ms.median:g}",
        f"{result.cpu_us.median:g}",
        ", ".join(f"{name} {spread.median:g}" for name, spread in result.more.items()),
    ]
    return f"| {' | '.join(cells)} |"


def _spread(spread: Spread) -> str:
    return f"{_figure(spread.median)} ({_figure(spread.min)}..{_figure(spread.max)})"


def _figure(figure: float) -> str:
    return f"{figure:,.0f}" if figure >= 1000 else f"{figure:.2f}"


def main() -> None:
    """Turn the rows on stdin into tables on stdout."""
    tables = [table(msgspec.json.decode(line, type=Row)) for line in sys.stdin]
    sys.stdout.write("\n\n".join(tables) + "\n")


if __name__ == "__main__":
    main()
