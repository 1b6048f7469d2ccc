"""Find the benches, run them one after the other, and put what they say into a folder."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from bench import plots, targets
from bench.plain import row_of_plain
from bench.rows import Row
from bench.servers import ROOT
from bench.table import table

PREFIX = "bench_"
HELP_S_MAX = 60.0
BENCH_S_MAX = 1800.0
QUICK: Mapping[str, str] = {
    "--seconds": "0.05",
    "--rounds": "1",
    "--calls": "64",
    "--depths": "1000",
    "--client": "python",
}
"""What makes a run short enough to show that it works: its figures mean nothing."""


def names() -> list[str]:
    """List the benches by what follows `bench_` in their files' names."""
    files = Path(__file__).parent.glob(f"{PREFIX}*.py")
    return sorted(file.stem.removeprefix(PREFIX) for file in files)


def about(name: str) -> str:
    """The first sentence of a bench."""
    text = (Path(__file__).parent / f"{PREFIX}{name}.py").read_text("utf-8")
    return text.removeprefix('"""').splitlines()[0].removesuffix('"""')


def options_of(name: str, wanted: Mapping[str, str]) -> list[str]:
    """Those of the wanted options that a bench knows, as its `--help` says."""
    known = subprocess.run(
        [*_command(name), "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=HELP_S_MAX,
    ).stdout
    words = known.replace(",", " ").replace("[", " ").replace("]", " ").split()
    return [part for option, value in wanted.items() if option in words for part in (option, value)]


def run(name: str, options: Sequence[str]) -> list[Row]:
    """Run a bench in a process of its own; what it does meanwhile is told on stderr.

    Raises:
        SystemExit: it failed; the message names it.
    """
    ended = subprocess.run(
        [*_command(name), *options],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=False,
        timeout=BENCH_S_MAX,
    )
    if ended.returncode:
        raise SystemExit(f"bench {name} ended with {ended.returncode}; see above")
    lines = [line for line in ended.stdout.splitlines() if line.strip()]
    return list(_rows(name, options, lines))


def run_all(
    chosen: Sequence[str], wanted: Mapping[str, str], folder: Path, *, plot_format: str
) -> list[str]:
    """Run benches into a folder and print their tables; answers the names of those that failed.

    One that fails does not keep the others from running.
    """
    folder.mkdir(parents=True, exist_ok=True)
    failed = []
    with (folder / "rows.jsonl").open("ab") as file:
        for name in chosen:
            began_s = time.monotonic()
            print(f"== {name}: {about(name)}", file=sys.stderr, flush=True)
            try:
                found = run(name, options_of(name, wanted))
            except (SystemExit, subprocess.SubprocessError) as error:
                print(error, file=sys.stderr, flush=True)
                failed.append(name)
                continue
            for row in found:
                file.write(msgspec.json.encode(row) + b"\n")
                file.flush()
                print(table(row), end="\n\n", flush=True)
            took_s = time.monotonic() - began_s
            print(f"== {name} took {took_s:.0f} s", file=sys.stderr, flush=True)
    report(folder, plot_format=plot_format)
    return failed


def report(folder: Path, *, plot_format: str) -> None:
    """Write tables, targets and plots of the rows that are in a folder, and print the targets."""
    rows = read_rows(folder)
    held = targets.table(targets.verdicts(rows))
    tables = "\n\n".join(map(table, rows))
    (folder / "report.md").write_text(f"{held}\n\n{tables}\n", "utf-8")
    print(held)
    if not plots.is_available():
        print("no plots: python -m pip install -e '.[bench]'", file=sys.stderr)
        return
    count = sum(len(plots.plot(row, folder / "plots", format=plot_format)) for row in rows)
    print(f"{len(rows)} rows, report.md and {count} plots are in {folder}", file=sys.stderr)


def read_rows(folder: Path) -> list[Row]:
    """The rows of a folder, the last of each bench.

    Raises:
        SystemExit: there are none.
    """
    path = folder / "rows.jsonl"
    if not path.is_file():
        raise SystemExit(f"{path} does not exist; a run writes it")
    rows = [msgspec.json.decode(line, type=Row) for line in path.read_bytes().splitlines()]
    return list({row.bench: row for row in rows}.values())


def _rows(name: str, options: Sequence[str], lines: Sequence[bytes]) -> Iterator[Row]:
    plain = []
    for line in lines:
        try:
            yield msgspec.json.decode(line, type=Row)
        except msgspec.ValidationError:
            plain.append(msgspec.json.decode(line, type=dict[str, str | float | None]))
    if plain:
        yield row_of_plain(f"{PREFIX}{name}", plain, arguments=options)


def _command(name: str) -> list[str]:
    return [sys.executable, "-m", f"bench.{PREFIX}{name}"]
