"""Workers tell each other their figures, and what a dead one counted stays counted."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from motia_actors.telemetry.board import Board
from motia_actors.telemetry.measures import BOUNDS_S, Histogram, Samples, add
from motia_actors.telemetry.prometheus import exposition


def some(calls: int) -> Samples:
    samples = Samples()
    samples.count("motia_calls", calls, "a_step.py", "completed")
    samples.gauge("motia_workers", True)  # A number, whatever it was.
    histogram = Histogram()
    for _ in range(calls):
        histogram.add(0.003)
    samples.observe("motia_call_duration_seconds", histogram.values(), "a_step.py")
    return samples


def seen(board: Board) -> tuple[float, float]:
    samples = board.all()
    return (
        samples.value("motia_calls", "a_step.py", "completed"),
        samples.value("motia_workers"),
    )


def test_each_worker_sees_the_sum_of_all(tmp_path: Path) -> None:
    one, other = Board(tmp_path, lambda: some(3)), Board(tmp_path, lambda: some(4))
    one.publish()
    other.publish()

    assert seen(one) == seen(other) == (7, 2)


def test_what_one_that_ended_has_counted_stays_and_what_it_has_goes(tmp_path: Path) -> None:
    one, other = Board(tmp_path, lambda: some(3)), Board(tmp_path, lambda: some(4))
    one.publish()
    other.publish()

    other.close()

    assert seen(one) == seen(one) == (7, 1)
    assert len(list(tmp_path.glob("*.lock"))) == 1


def _publish_and_die(folder: Path) -> None:
    Board(folder, lambda: some(5)).publish()


@pytest.mark.slow
def test_a_process_that_died_is_found_to_be_dead(tmp_path: Path) -> None:
    child = multiprocessing.get_context("spawn").Process(target=_publish_and_die, args=(tmp_path,))
    child.start()
    child.join(30)
    assert child.exitcode == 0

    assert seen(Board(tmp_path, lambda: some(1))) == (6, 1)


def test_the_next_worker_buries_the_dead_though_nobody_asks_for_figures(tmp_path: Path) -> None:
    board = Board(tmp_path, lambda: some(2))
    for _ in range(5):
        killed = Board(tmp_path, lambda: some(1))
        killed.publish()
        [lock] = tmp_path.glob("*.lock")
        lock.with_suffix(".new").touch()  # It ended while it wrote.
        killed.close()

    board.publish()

    assert {path.suffix for path in tmp_path.iterdir()} == {"", ".json", ".lock"}
    assert len(list(tmp_path.iterdir())) == 4  # The guard, the sum of the dead, and its own two.
    assert seen(board) == (7, 1)


def test_without_a_folder_a_process_sees_itself_alone() -> None:
    board = Board(None, lambda: some(3))
    board.publish()

    assert seen(board) == (3, 1)


def test_a_file_that_cannot_be_read_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "1-gone.json").write_bytes(b"{")
    (tmp_path / "1-gone.lock").touch()

    assert seen(Board(tmp_path, lambda: some(3))) == (3, 1)


def test_samples_that_are_added_are_not_shared() -> None:
    total, more = Samples(), some(2)

    add(total, more)
    add(total, more)

    assert total.value("motia_calls", "a_step.py", "completed") == 4
    assert more.value("motia_calls", "a_step.py", "completed") == 2
    assert total.histograms["motia_call_duration_seconds"]["a_step.py"][2] == 4


def test_prometheus_reads_counters_gauges_and_cumulated_buckets() -> None:
    page = exposition(some(3)).decode()

    assert 'motia_calls_total{outcome="completed",step="a_step.py"} 3.0' in page
    assert "motia_workers 1.0" in page
    assert 'motia_call_duration_seconds_bucket{le="0.0025",step="a_step.py"} 0.0' in page
    assert 'motia_call_duration_seconds_bucket{le="0.005",step="a_step.py"} 3.0' in page
    assert 'motia_call_duration_seconds_bucket{le="+Inf",step="a_step.py"} 3.0' in page
    assert 'motia_call_duration_seconds_count{step="a_step.py"} 3.0' in page


@pytest.mark.parametrize("took_s", [0.0, BOUNDS_S[0], BOUNDS_S[-1], 1e9])
def test_every_duration_falls_into_one_bucket(took_s: float) -> None:
    histogram = Histogram()

    histogram.add(took_s)

    *counts, sum_s = histogram.values()
    assert (sum(counts), sum_s) == (1, took_s)
