"""Our gunicorn worker on the wire, beside gunicorn's own."""

from __future__ import annotations

import contextlib
import re
import signal
import socket
import ssl
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.battery.crew import note
from tests.e2e.server import ROOT, START_S_MAX, free_port, make_certificate, wait_until

pytestmark = pytest.mark.slow

OURS = "motia_actors.web.worker.ActorWorker"
ANSWER_S_MAX = 10.0
CLOSE = b"Host: x\r\nConnection: close\r\n"
POST = b"POST /e HTTP/1.1\r\n" + CLOSE

HOSTILE = {
    "length and chunked": POST
    + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}x",
    "a length with a sign": POST + b"Content-Length: +2\r\n\r\n{}",
    "an unknown coding": POST + b"Transfer-Encoding: xchunked\r\n\r\n{}",
    "chunked twice": POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "a blank before the colon": POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "chunked in HTTP/1.0": b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "lines that end in LF": b"GET /e HTTP/1.1\nHost: x\n\n",
    "a folded line": b"GET /e HTTP/1.1\r\n" + CLOSE + b"X-A: b\r\n c\r\n\r\n",
    "a NUL in a header": b"GET /e HTTP/1.1\r\n" + CLOSE + b"X-A: b\x00c\r\n\r\n",
    "two hosts": b"GET /e HTTP/1.1\r\nHost: y\r\n" + CLOSE + b"\r\n",
    "a header with an underscore": b"GET /e HTTP/1.1\r\n" + CLOSE + b"X_F: 1\r\n\r\n",
    "a header of 9 KB": b"GET /e HTTP/1.1\r\n" + CLOSE + b"X: " + b"a" * 9000 + b"\r\n\r\n",
    "200 headers": b"GET /e HTTP/1.1\r\n" + CLOSE + b"X: a\r\n" * 200 + b"\r\n",
    "a target of 9 KB": b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n" + CLOSE + b"\r\n",
    "two blanks in the request line": b"GET  /e  HTTP/1.1\r\n" + CLOSE + b"\r\n",
    "HTTP/9.9": b"GET /e HTTP/9.9\r\n" + CLOSE + b"\r\n",
    "a NUL in the method": b"ge\x00t /e HTTP/1.1\r\n" + CLOSE + b"\r\n",
    "an unknown expectation": POST + b"Expect: more\r\nContent-Length: 2\r\n\r\n{}",
    "no request": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\r\n\r\n",
    "well-formed": POST + b"Content-Length: 2\r\n\r\n{}",
    "well-formed, chunked": POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
}


class Raw:
    """gunicorn with an application for the wire."""

    def __init__(self, folder: Path, kind: str, *options: str, cert: Path | None = None) -> None:
        self._trust = None if cert is None else ssl.create_default_context(cafile=str(cert))
        self.port, self.log_path = free_port(), folder / "gunicorn.log"
        command = [sys.executable, "-m", "gunicorn", "-b", f"127.0.0.1:{self.port}", "-k", kind]
        command += ["--no-control-socket", "--threads", "4", "--keep-alive", "5", *options]
        with self.log_path.open("wb") as log:
            self.process = subprocess.Popen(
                [*command, "tests.e2e.raw_app:app"], cwd=ROOT, stdout=log, stderr=log
            )
        wait_until(self._answers, what="it answers", limit_s=START_S_MAX)

    def _answers(self) -> bool:
        with contextlib.suppress(OSError):
            return b"200" in self.ask(b"GET / HTTP/1.0\r\n\r\n")
        return False

    def connect(self) -> socket.socket:
        client = socket.create_connection(("127.0.0.1", self.port), ANSWER_S_MAX)
        if self._trust is None:
            return client
        # An end without TLS's own word for it is an error.
        return self._trust.wrap_socket(
            client, server_hostname="localhost", suppress_ragged_eofs=False
        )

    def ask(self, *parts: bytes) -> bytes:
        """Send the parts, and answer all that comes until the connection ends."""
        with self.connect() as client:
            for part in parts:
                client.sendall(part)
            return rest(client)

    def log(self) -> str:
        return self.log_path.read_text("utf-8", "replace")

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20.0)


def rest(client: socket.socket) -> bytes:
    """All that comes until the connection ends."""
    parts = []
    with contextlib.suppress(ConnectionResetError):
        while data := client.recv(65536):
            parts.append(data)
    return b"".join(parts)


@contextlib.contextmanager
def serving(
    folder: Path, kind: str = OURS, *options: str, cert: Path | None = None
) -> Iterator[Raw]:
    """A server for the time of the block."""
    raw = Raw(folder, kind, *options, cert=cert)
    try:
        yield raw
    finally:
        raw.process.kill()
        raw.process.wait(20.0)


@pytest.fixture
def raw(tmp_path: Path) -> Iterator[Raw]:
    with serving(tmp_path, OURS, "--access-logfile", "-") as raw:
        yield raw


def test_hostile_requests_get_the_status_that_stock_gunicorn_gives(tmp_path: Path) -> None:
    statuses = []
    for kind, *options in (("gthread", "--http-parser", "python"), (OURS,)):
        with serving(tmp_path, kind, *options) as raw:
            statuses.append({name: raw.ask(data)[9:12] for name, data in HOSTILE.items()})

    unknown = [told.pop("an unknown coding") for told in statuses]
    assert unknown == [b"501", b"400"]  # The compiled parser has no name of its own for it.
    assert statuses[1] == statuses[0]
    assert [name for name, status in statuses[1].items() if status == b"200"] == [
        "a header with an underscore",  # It is left out, which the setting header_map says.
        "well-formed",
        "well-formed, chunked",
    ]


def test_what_follows_a_refused_request_never_becomes_one(raw: Raw) -> None:
    smuggled = HOSTILE["length and chunked"] + b"GET /smuggled HTTP/1.1\r\n" + CLOSE + b"\r\n"

    assert raw.ask(smuggled).count(b"HTTP/1.1 ") == 1
    assert "/smuggled" not in raw.log()


def test_requests_sent_at_once_are_answered_in_order(raw: Raw) -> None:
    first = b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n"

    answers = raw.ask(first + b"GET /b HTTP/1.1\r\n" + CLOSE + b"\r\n")

    assert answers.index(b"GET /slow") < answers.index(b"GET /b")
    assert b"keep-alive" in answers
    wait_until(lambda: '"GET /b HTTP/1.1" 200' in raw.log(), what="the access log tells it")


def test_a_client_that_waits_for_100_is_told_to_go_on(raw: Raw) -> None:
    with raw.connect() as client:
        client.sendall(POST + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"

        client.sendall(b"{}")

        assert rest(client).endswith(b"POST /e {}")


def test_a_body_over_the_limit_is_refused_before_it_is_sent(raw: Raw) -> None:
    answer = raw.ask(POST + b"Content-Length: 99999999999\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert answer.endswith(b'{"error":"Request body is too large"}')


def test_answers_are_framed_by_method_status_and_version(raw: Raw) -> None:
    assert raw.ask(b"HEAD /e HTTP/1.1\r\n" + CLOSE + b"\r\n").endswith(b"\r\n\r\n")
    streamed = raw.ask(b"GET /stream HTTP/1.1\r\n" + CLOSE + b"\r\n")
    assert streamed.endswith(b"\r\n\r\n2\r\n0,\r\n2\r\n1,\r\n2\r\n2,\r\n0\r\n\r\n")
    assert raw.ask(b"GET /stream HTTP/1.0\r\n\r\n").endswith(b"\r\n\r\n0,1,2,")
    assert len(raw.ask(b"GET /big HTTP/1.0\r\n\r\n")) > 8 << 20


def test_an_error_of_the_application_is_a_500_that_tells_nothing(raw: Raw) -> None:
    answer = raw.ask(b"GET /boom HTTP/1.1\r\n" + CLOSE + b"\r\n")

    assert answer.startswith(b"HTTP/1.1 500 ")
    assert b"hunter2" not in answer
    assert "hunter2" in raw.log()


def test_a_connection_is_taken_over_with_what_was_sent_behind_the_request(raw: Raw) -> None:
    with raw.connect() as client:
        upgrade = b"Connection: upgrade\r\nUpgrade: echo\r\n\r\n"
        client.sendall(b"GET /take HTTP/1.1\r\nHost: x\r\n" + upgrade + b"early")
        received = b""
        while not received.endswith(b"echo:early"):
            received += client.recv(1000)
        assert received.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
        assert b"Content-Length" not in received

        raw.process.send_signal(signal.SIGTERM)

        assert rest(client) == b"bye"


def test_term_lets_a_request_in_flight_finish_and_drops_idle_connections(raw: Raw) -> None:
    with raw.connect() as busy, raw.connect() as idle:
        idle.sendall(b"GET /e HTTP/1.1\r\nHost: x\r\n\r\n")
        assert idle.recv(1000).startswith(b"HTTP/1.1 200")
        busy.sendall(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(0.2)

        code = raw.stop()

        assert code == 0
        assert rest(busy).endswith(b"GET /slow ")
        assert rest(idle) == b""


def test_a_worker_leaves_after_max_requests_and_another_takes_its_place(tmp_path: Path) -> None:
    with serving(tmp_path, OURS, "--max-requests", "3") as raw:
        for _ in range(5):
            assert wait_until(raw._answers, what="a worker answers")

        wait_until(lambda: raw.log().count("Booting worker") > 1, what="another worker")


def took(raw: Raw) -> float:
    """How long an honest request takes, in seconds."""
    begun_s = time.monotonic()
    assert raw.ask(b"GET /e HTTP/1.1\r\n" + CLOSE + b"\r\n").startswith(b"HTTP/1.1 200")
    return time.monotonic() - begun_s


def test_honest_requests_are_quick_beside_hundreds_of_slow_clients(raw: Raw) -> None:
    unloaded_s = statistics.median(took(raw) for _ in range(20))
    with contextlib.ExitStack() as stack:
        idle = [stack.enter_context(raw.connect()) for _ in range(300)]
        heads = [stack.enter_context(raw.connect()) for _ in range(300)]
        bodies = [stack.enter_context(raw.connect()) for _ in range(40)]
        for client in heads:
            client.sendall(b"GET /e HTTP/1.1\r\nHost: x\r\n")
        for client in bodies:
            client.sendall(POST + b"Content-Length: 1000\r\n\r\n")
        took_s = []
        for _ in range(20):
            for client in bodies:
                client.sendall(b"x")
            took_s.append(took(raw))

        beside_s = statistics.median(took_s)
        note(f"median {unloaded_s * 1000:.2f} ms, beside them {beside_s * 1000:.2f} ms")
        # On a machine that is busy itself, both are late.
        assert beside_s < max(0.05, 20 * unloaded_s)
        heads[0].settimeout(15.0)
        assert rest(heads[0]).startswith(b"HTTP/1.1 408 ")
        assert len(idle) == 300


def test_answers_of_the_pollers_own_thread_are_those_of_any_other(raw: Raw) -> None:
    def asked(path: str, *more: bytes) -> bytes:
        data = raw.ask(b"POST %b HTTP/1.1\r\n" % path.encode() + b"\r\n".join(more))
        return re.sub(rb"\r\nDate: [^\r]*", b"", data).replace(b"/lent", b"/pool")

    for path in ("/e", "/stream", "/big", "/boom"):
        sent = [b"Host: x", b"Connection: close", b"Content-Length: 2", b"", b"{}"]
        assert asked("/lent" + path, *sent) == asked("/pool" + path, *sent)


def test_a_handler_that_hangs_on_the_pollers_thread_holds_up_its_own_client_only(raw: Raw) -> None:
    with raw.connect() as stuck:
        stuck.sendall(b"GET /lent/hang HTTP/1.1\r\n" + CLOSE + b"\r\n")
        wait_until(lambda: b"200" in raw.ask(b"GET /lent/e HTTP/1.0\r\n\r\n"), what="an answer")

        took_s = max(took(raw) for _ in range(20))

        assert rest(stuck).endswith(b"GET /lent/hang ")
        assert took_s < 1.0


def test_requests_in_one_piece_are_answered_in_order_by_either_thread(raw: Raw) -> None:
    paths = [b"/lent/%d" % n if n % 3 else b"/%d" % n for n in range(60)]
    data = b"".join(b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n" % path for path in paths)

    answer = raw.ask(data + b"GET /end HTTP/1.1\r\n" + CLOSE + b"\r\n")

    assert re.findall(rb"GET (/\S+) ", answer) == [*paths, b"/end"]


def test_a_connection_is_taken_over_from_the_pollers_thread(raw: Raw) -> None:
    with raw.connect() as client:
        client.sendall(b"GET /lent/take HTTP/1.1\r\nHost: x\r\n\r\nearly")
        received = b""
        while not received.endswith(b"echo:early"):
            received += client.recv(1000)
        client.sendall(b"more")
        assert client.recv(100) == b"echo:more"


def test_a_client_that_does_not_read_a_lent_answer_holds_up_nobody(raw: Raw) -> None:
    with raw.connect() as client:
        client.sendall(b"GET /lent/big HTTP/1.1\r\n" + CLOSE + b"\r\n")

        assert max(took(raw) for _ in range(20)) < 1.0

        assert len(rest(client)) > 8 << 20


@pytest.mark.parametrize("path", [b"/sheet", b"/lent/sheet"])
def test_answers_that_nobody_reads_are_not_piled_up(raw: Raw, path: bytes) -> None:
    asked = 500  # In one piece, and of so many bytes that the kernel does not take a tenth of it.

    def answered() -> bytes:
        return raw.ask(b"GET /sheets HTTP/1.0\r\n\r\n").rpartition(b"\r\n")[2]

    def is_stuck() -> bool:
        before = answered()
        raw.ask(b"GET /slow HTTP/1.0\r\n\r\n")
        return before == answered() != b"0"

    with raw.connect() as client:
        request = b"GET %b HTTP/1.1\r\nHost: x\r\n" % path
        last = request + b"Connection: close\r\n\r\n"
        client.sendall((request + b"\r\n") * (asked - 1) + last)
        wait_until(is_stuck, what="it answers no more", limit_s=30.0)

        assert int(answered()) < asked // 2
        assert rest(client).count(b"HTTP/1.1 200 OK") == asked


def test_tls_tells_of_the_end_and_serves_many(tmp_path: Path) -> None:
    cert, key = make_certificate(tmp_path)
    with serving(tmp_path, OURS, "--certfile", str(cert), "--keyfile", str(key), cert=cert) as raw:
        answer = raw.ask(b"POST /lent/e HTTP/1.1\r\n" + CLOSE + b"Content-Length: 2\r\n\r\n{}")
        assert answer.endswith(b"POST /lent/e {}")
        big = raw.ask(b"GET /big HTTP/1.1\r\n" + CLOSE + b"\r\n")
        assert len(big) > 8 << 20
        with raw.connect() as client:
            for number in range(50):
                client.sendall(b"GET /lent/%d HTTP/1.1\r\nHost: x\r\n\r\n" % number)
                assert client.recv(1000).endswith(b"GET /lent/%d " % number)
