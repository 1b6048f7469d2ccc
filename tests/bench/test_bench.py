"""The benchmarks run, and say what they must."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bench.callers import call_for
from bench.disk import IN_MEMORY, filesystem, folder_on_disk
from bench.load import Request, generate, sample_of_load
from bench.rows import Sample, make_row
from bench.servers import Server
from bench.table import table
from bench.turns import Alternative, take_turns
from bench.usage import wait_until_idle

ROOT = Path(__file__).parents[2]
SAMPLE = Sample(per_s=2000.0, p50_ms=1.0, p99_ms=2.0, cpu_us=3.0)
SHARED_MEMORY = Path("/dev/shm")


class Hello(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle(self) -> None:
        with contextlib.suppress(OSError):  # The client hangs up when its time is over.
            super().handle()

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/hello" else 404)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 (its own name)
        pass


@pytest.fixture
def port() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Hello) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("bench", "options"),
    [
        ("bench_ask", []),
        ("bench_emit", ["--peers", "none"]),
        ("bench_flow", ["--peers", "none"]),
        ("bench_growth", ["--depths", "1000"]),
        ("bench_http", ["--client", "python", "--peers", "none"]),
        ("bench_logs", ["--client", "python"]),
        ("bench_scale", ["--client", "python", "--peers", "none", "--connections", "4"]),
        ("bench_start", ["--peers", "none"]),
        ("bench_store", []),
    ],
)
def test_a_bench_prints_one_row_and_what_it_is_compared_with(
    bench: str, options: list[str]
) -> None:
    command = [sys.executable, "-m", f"bench.{bench}", "--seconds", "0.05", "--rounds", "1"]

    ended = subprocess.run(
        [*command, *options], cwd=ROOT, capture_output=True, text=True, timeout=50, check=False
    )

    assert ended.returncode == 0, ended.stderr
    (line,) = ended.stdout.splitlines()
    row = json.loads(line)
    assert row["bench"] == bench
    assert row["command"].startswith(f"python -m bench.{bench} --seconds 0.05")
    assert row["rounds"] == 1
    assert row["machine"]["cpus"] >= 1
    assert "lmdb" in row["versions"]
    names = [result["name"] for result in row["results"]]
    assert len(names) == len(set(names)) >= 4
    for result in row["results"]:
        assert result["ratio_to"] in names
        for figure in ("per_s", "p50_ms", "p99_ms", "ratio"):
            spread = result[figure]
            assert 0 < spread["min"] <= spread["median"] <= spread["max"], (result, figure)


def test_ratios_are_those_within_a_round_and_alternatives_take_turns() -> None:
    took: list[str] = []
    speeds = {"bare": iter([0.0, 10.0, 100.0]), "ours": iter([0.0, 5.0, 100.0])}

    def turn(name: str, _seconds: float) -> Sample:
        took.append(name)
        return Sample(per_s=next(speeds[name]), p50_ms=1.0, p99_ms=2.0, cpu_us=3.0)

    bare, ours = take_turns(
        [
            Alternative(name="bare", turn=lambda s: turn("bare", s), ratio_to="bare"),
            Alternative(name="ours", turn=lambda s: turn("ours", s), ratio_to="bare"),
        ],
        seconds=0.0,
        rounds=2,
    )

    assert took == ["bare", "ours"] * 3, "the first turns warm up and do not count"
    assert (ours.ratio.min, ours.ratio.median, ours.ratio.max) == (0.5, 0.75, 1.0)
    assert bare.ratio.min == bare.ratio.max == 1.0


def test_callers_number_their_calls_apart() -> None:
    numbers: list[int] = []

    sample = call_for(0.01, numbers.append, callers=2)

    assert len(numbers) == len(set(numbers)) >= 2
    assert sample.per_s > 0


def test_what_a_call_raises_ends_the_bench() -> None:
    def fail(_number: int) -> None:
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        call_for(0.01, fail, callers=2)


def test_every_answer_is_counted(port: int) -> None:
    load = generate(port, Request(path="/hello"), seconds=0.1, connections=2)

    assert load.count > 0
    assert load.failed == 0
    assert 0 < load.p50_ms <= load.p99_ms


def test_what_the_client_takes_is_told_apart(port: int) -> None:
    server = Server(port=port, pid=os.getpid())

    sample = sample_of_load("python", server, Request(path="/hello"), connections=2, seconds=0.1)

    assert 0 < sample.more["client_us"] < 1e6


def test_the_end_of_a_servers_work_is_waited_for_and_not_for_ever() -> None:
    took_s = []
    for code, within_s in (("input()", 60.0), ("while True: pass", 0.1)):
        begin_s = time.monotonic()
        with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE) as process:
            wait_until_idle(process.pid, within_s=within_s)
            process.kill()
        took_s.append(time.monotonic() - begin_s)

    assert took_s[0] < 30.0
    assert 0.1 <= took_s[1] < 30.0


def test_answers_that_are_no_success_count_as_failed(port: int) -> None:
    load = generate(port, Request(path="/nothing"), seconds=0.1, connections=2)

    assert load.failed == load.count > 0


def test_a_post_says_how_long_its_body_is() -> None:
    text = Request(path="/users", method="POST", body='{"a": 1}').to_bytes().decode()

    assert text.startswith("POST /users HTTP/1.1\r\n")
    assert "Content-Length: 8\r\n" in text
    assert text.endswith('\r\n\r\n{"a": 1}')


def test_the_length_of_a_body_is_counted_in_bytes() -> None:
    data = Request(path="/users", method="POST", body='"ä"').to_bytes()

    assert b"Content-Length: 4\r\n" in data


@pytest.mark.skipif(filesystem(SHARED_MEMORY) not in IN_MEMORY, reason="no tmpfs here")
def test_a_folder_in_memory_is_refused() -> None:
    with (
        pytest.raises(SystemExit, match="in memory"),
        folder_on_disk(SHARED_MEMORY),
    ):
        pass


def test_a_table_shows_the_ratio_with_its_spread() -> None:
    (result,) = take_turns(
        [Alternative(name="ours", turn=lambda _: SAMPLE, ratio_to="ours")], seconds=0.0, rounds=1
    )
    compared = msgspec.structs.replace(result, name="theirs")
    row = make_row(
        "bench_ask", [result, compared], arguments=["--rounds", "1"], rounds=1, settings={}
    )

    lines = table(row).splitlines()

    assert lines[0].startswith("`python -m bench.bench_ask --rounds 1`, ")
    assert lines[-2:] == [
        "| ours | 1 | 2,000 (2,000..2,000) | 1 | 2 | 3 |  |",
        "| theirs | **1.00 (1.00..1.00)** | 2,000 (2,000..2,000) | 1 | 2 | 3 |  |",
    ]
