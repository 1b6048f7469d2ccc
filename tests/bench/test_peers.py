"""The peers of bench_emit do the same flow, and say what they need."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from bench import ledger
from bench.peers import choice, motia
from bench.peers.producer import Order, produce, produce_async
from bench.samples import sample_of_flow

ROOT = Path(__file__).parents[2]
ADD = "from bench import ledger; ledger.add(0.0); ledger.add(0.0); {then}"
APPENDED = "import time; time.sleep(10 * ledger.APPEND_EVERY_S)"


def note_two(folder: Path) -> None:
    subprocess.run(
        [sys.executable, "-c", ADD.format(then=APPENDED)],
        cwd=ROOT,
        env={ledger.FOLDER: str(folder)},
        timeout=20,
        check=True,
    )


@pytest.mark.slow
def test_what_every_process_handled_is_in_the_ledger_until_it_is_taken(tmp_path: Path) -> None:
    note_two(tmp_path)
    note_two(tmp_path)

    counted = ledger.count(tmp_path)
    last_s, latencies_s = ledger.take(tmp_path)

    assert counted == len(latencies_s) == 4
    assert last_s == max(latencies_s) > 0, "all were emitted at 0"
    assert ledger.count(tmp_path) == 0


def test_every_emit_of_every_thread_is_timed() -> None:
    sent: list[object] = []

    produced = produce(sent.append, Order(emitters=3, seconds=0.01))

    assert len(produced.taken_s) == len(sent) >= 3
    assert produced.first_s > 0


def test_an_emitter_that_fails_ends_the_bench(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_event: object) -> None:
        raise OSError("no broker")

    monkeypatch.setattr(threading, "excepthook", lambda _: None)

    with pytest.raises(RuntimeError, match="2 of 2 emitters"):
        produce(fail, Order(emitters=2, seconds=0.01))


def test_a_flow_counts_from_the_first_emit_to_the_last_handled() -> None:
    sample = sample_of_flow([0.1, 0.3], [0.01, 0.02], elapsed_s=4.0, seconds=2.0, cpu_s=0.5)

    assert (sample.per_s, sample.p50_ms, sample.cpu_us) == (0.5, 300.0, 250_000.0)
    assert sample.more["emits_per_s"] == 1.0


def test_missing_packages_are_named_with_the_way_to_install_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name == "redis" or None)

    reason = choice.missing(["dramatiq", "celery", "redis"])

    assert reason == ("needs dramatiq, celery: python -m pip install -e '.[bench,bench-celery]'")


def test_a_missing_server_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)

    assert "apt-get install redis-server" in choice.missing([], needs_redis=True)
    assert "apt-get install nodejs" in motia.missing()


def test_a_peer_that_is_missing_is_left_out_or_an_error_as_was_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    installed = choice.Peers("installed")

    assert not installed.has("huey", "huey")
    assert installed.left_out == {"huey": "needs huey: python -m pip install -e '.[bench]'"}
    assert "huey: needs huey" in installed.settings()["left out"]
    assert not choice.Peers("none").has("huey", "huey")
    with pytest.raises(SystemExit, match="needs huey"):
        choice.Peers("all").has("huey", "huey")
    assert not choice.Peers("celery").has("huey", "huey")
    with pytest.raises(SystemExit, match="needs celery"):
        choice.Peers("celery").has("celery threads", "celery")


def test_tasks_of_one_loop_emit_as_threads_do() -> None:
    sent: list[object] = []

    async def send(event: object) -> None:
        sent.append(event)
        await asyncio.sleep(0)

    produced = asyncio.run(produce_async(send, Order(emitters=3, seconds=0.01)))

    assert len(produced.taken_s) == len(sent) >= 3


@pytest.mark.stress
@pytest.mark.timeout(120)
def test_the_row_has_every_peer_at_every_durability() -> None:
    command = [sys.executable, "-m", "bench.bench_emit", "--peers", "all", "--everysec"]

    ended = subprocess.run(
        [*command, "--seconds", "0.05", "--rounds", "1"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )

    assert ended.returncode == 0, ended.stderr
    row = json.loads(ended.stdout)
    names = {result["name"] for result in row["results"]}
    for peer in ("dramatiq", "celery threads", "celery prefork", "taskiq", "huey"):
        for fsync in ("always", "everysec"):
            assert f"{peer}, fsync {fsync}, 8 at once" in names
    assert "motia, fsync always, 1 at once" in names
    assert row["settings"]["redis"]
    assert {"dramatiq", "celery", "redis"} <= row["versions"].keys()
