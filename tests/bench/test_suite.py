"""The suite runs benches by name and leaves rows, a report and plots behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from bench import plots, suite, targets
from bench.load import WRK_REPORT
from bench.plain import Plain, row_of_plain
from bench.rows import QUANTILES, Curve, Result, Row, Sample, make_row
from bench.turns import Alternative, take_turns

ROOT = Path(__file__).parents[2]


def result(name: str, *figures: float, curve: Curve | None = None) -> Result:
    """A result with these operations a second, a round each."""
    left = list(figures)

    def turn(_seconds: float) -> Sample:
        per_s = left.pop(0)
        told = [1.0 + share for share in QUANTILES]
        return Sample(per_s=per_s, p50_ms=1.0, p99_ms=2.0, cpu_us=3.0, quantiles_ms=told)

    left.insert(0, 1.0)  # For the turn that warms up.
    alternative = Alternative(name=name, turn=turn, ratio_to=name, curve=curve)
    (made,) = take_turns([alternative], seconds=0.0, rounds=len(figures))
    return made


def row(*results: Result) -> Row:
    return make_row("bench_http", results, arguments=[], rounds=2, settings={})


TARGET = targets.Target(
    name="ours against the best of two", bench="bench_http", ours="ours", theirs=("a", "b"),
    wanted=2.0, limit="",
)  # fmt: skip


@pytest.mark.slow
def test_a_run_leaves_rows_a_report_and_plots_and_can_be_reported_again(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bench"]
    run = [*command, "store", "limits", "--quick", "--peers", "none", "--out", str(tmp_path)]

    ended = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, timeout=50, check=False)

    assert ended.returncode == 0, ended.stderr
    assert "LmdbStore get_group" in ended.stdout
    assert [row.bench for row in suite.read_rows(tmp_path)] == ["bench_store", "bench_limits"]
    assert "fdatasync of a page" in (tmp_path / "report.md").read_text()
    if plots.is_available():
        assert (tmp_path / "plots" / "bench_store-throughput.svg").stat().st_size > 1000
    again = [*command, "report", str(tmp_path)]
    assert subprocess.run(again, cwd=ROOT, capture_output=True, timeout=50, check=True).stdout


def test_every_file_of_a_bench_is_found_and_says_what_it_is() -> None:
    assert {"ask", "emit", "http", "store"} <= set(suite.names())
    assert all(suite.about(name).endswith(".") for name in suite.names())


@pytest.mark.slow
def test_a_bench_gets_the_options_that_it_knows() -> None:
    wanted = {"--rounds": "1", "--peers": "none", "--calls": "9"}

    assert suite.options_of("store", wanted) == ["--rounds", "1"]
    assert suite.options_of("emit", wanted) == ["--rounds", "1", "--peers", "none"]


def test_a_bench_that_fails_does_not_keep_the_others_from_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(name: str, _options: object) -> list[Row]:
        if name == "ask":
            raise SystemExit("broken")
        return [row(result("ours", 10.0))]

    monkeypatch.setattr(suite, "run", run)
    monkeypatch.setattr(suite, "options_of", lambda _name, _wanted: [])

    failed = suite.run_all(["ask", "http"], {}, tmp_path, plot_format="svg")

    assert failed == ["ask"]
    assert len(suite.read_rows(tmp_path)) == 1


def test_a_target_is_held_against_the_best_peer_of_each_round() -> None:
    rows = [row(result("ours", 10.0, 30.0), result("a", 5.0, 10.0), result("b", 4.0, 20.0))]
    results = {one.name: one for one in rows[0].results}

    measured = targets.measure(TARGET, results)

    assert measured is not None
    assert (measured.min, measured.max) == (1.5, 2.0)
    assert targets.Verdict(target=TARGET, measured=measured).is_met is False


def test_a_target_whose_peer_did_not_run_is_not_measured() -> None:
    assert targets.measure(TARGET, {"ours": result("ours", 1.0)}) is None
    told = targets.table(targets.verdicts([]))
    assert told.count("not measured") == len(targets.TARGETS)


def test_flat_objects_become_a_row_compared_with_the_first() -> None:
    objects: list[Plain] = [
        {"step": "python", "calls_per_s": 100.0, "p50_us": 5.0, "p99_us": 9.0, "load_ms": 3.0},
        {"step": "typescript", "calls_per_s": 50.0, "p50_us": 10.0, "p99_us": 20.0},
    ]

    first, second = row_of_plain("bench_runners", objects, arguments=[]).results

    assert (first.name, first.p50_ms.median, first.more["load_ms"].median) == ("python", 0.005, 3.0)
    assert (second.ratio_to, second.ratio.median) == ("python", 0.5)


def test_every_kind_of_plot_is_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    grown = [
        result("one", 5.0, curve=Curve(of="ours", axis="connections", at=1)),
        result("two", 9.0, curve=Curve(of="ours", axis="connections", at=2)),
    ]

    drawn = plots.plot(row(result("plain", 1.0, 90.0), *grown), tmp_path)

    names = [path.name for path in drawn]
    assert names == [
        "bench_http-throughput.svg", "bench_http-latency.svg", "bench_http-connections.svg",
    ]  # fmt: skip
    assert all("<svg" in path.read_text("utf-8") for path in drawn)


def test_a_row_survives_its_way_through_json() -> None:
    text = msgspec.json.encode(row(result("ours", 10.0, 20.0)))

    again = msgspec.json.decode(text, type=Row)

    assert msgspec.json.encode(again) == text
    assert again.results[0].each["per_s"] == [10.0, 20.0]


def test_wrk_tells_the_same_quantiles_as_we_do() -> None:
    (line,) = [line for line in WRK_REPORT.read_text().splitlines() if "local percents" in line]
    told = [float(word) for word in line.split("{")[1].rstrip(" }").split(",")]

    assert told == pytest.approx([100 * share for share in QUANTILES])
