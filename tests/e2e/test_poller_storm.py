"""Many clients of every kind at once, at a worker whose leading thread is lost time and again."""

from __future__ import annotations

import random
import socket
import ssl
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.e2e.server import make_certificate, wait_until
from tests.e2e.test_own_worker import OURS, Raw, serving

pytestmark = pytest.mark.slow

CLIENTS = 60
REQUESTS_MAX = 12
PATHS = ("/lent/nap", "/lent/quick", "/quick", "/nap", "/lent/stream", "/stream", "/lent/sheet")


def visit(raw: Raw, name: str, dice: random.Random) -> None:
    """Ask for some in one of many ways, and check what comes."""
    paths = [dice.choice(PATHS) for _ in range(dice.randint(1, REQUESTS_MAX))]
    bodies = [
        f"{name}-{number}".encode() * dice.choice((1, 1, 2000)) for number in range(len(paths))
    ]
    with raw.connect() as client, client.makefile("rb") as stream:
        asked = [
            f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body
            for path, body in zip(paths, bodies, strict=True)
        ]
        way = dice.choice(("cut", "half", "piece", "turns", "turns"))
        if way == "turns":
            for one, path, body in zip(asked, paths, bodies, strict=True):
                client.sendall(one)
                check(stream, path, body)
            return
        data = b"".join(asked)
        if way == "cut":
            client.sendall(data[: dice.randint(1, len(data))])
            return
        client.sendall(data)
        if way == "half" and not isinstance(client, ssl.SSLSocket):
            client.shutdown(socket.SHUT_WR)
        for path, body in zip(paths, bodies, strict=True):
            check(stream, path, body)


def check(stream: object, path: str, body: bytes) -> None:
    """Read one answer: whole, and that of this request."""
    read, line = stream.read, stream.readline  # type: ignore[attr-defined]
    assert line() == b"HTTP/1.1 200 OK\r\n"
    headers = dict[bytes, bytes]()
    while (text := line()) != b"\r\n":
        assert text, "the connection ended in a head"
        key, _, value = text.partition(b":")
        headers[key.lower()] = value.strip()
    if b"content-length" in headers:
        got = read(int(headers[b"content-length"]))
    else:
        got = b""
        while size := int(line(), 16):
            got += read(size)
            assert line() == b"\r\n"
        assert line() == b"\r\n"
    if path.endswith("/sheet"):
        assert got == b"x" * 60000
    elif path.endswith("/stream"):
        assert got == b"0,1,2,"
    else:
        assert got == f"POST {path} ".encode() + body


def held(raw: Raw) -> tuple[int, int]:
    """Open files and threads of the worker."""
    [pid] = Path(f"/proc/{raw.process.pid}/task/{raw.process.pid}/children").read_text().split()
    folder = Path("/proc") / pid
    return len(list((folder / "fd").iterdir())), len(list((folder / "task").iterdir()))


def storm(raw: Raw, *, for_s: float, seed: int) -> int:
    """Send clients for so long; how many came through."""
    until_s, visits = time.monotonic() + for_s, list[None]()

    def clients(number: int) -> None:
        dice = random.Random(seed * 1000 + number)
        while time.monotonic() < until_s:
            visit(raw, f"{number}-{len(visits)}", dice)
            visits.append(None)

    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(clients, range(CLIENTS)))
    return len(visits)


@pytest.mark.timeout(180)
@pytest.mark.parametrize("is_tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("for_s", [5.0, pytest.param(45.0, marks=pytest.mark.stress)])
def test_in_a_storm_each_gets_its_own_answers_and_nothing_is_left(
    tmp_path: Path, *, is_tls: bool, for_s: float
) -> None:
    cert, options = None, ["--worker-connections", "1000"]
    if is_tls:
        cert, key = make_certificate(tmp_path)
        options += ["--certfile", str(cert), "--keyfile", str(key)]
    with serving(tmp_path, OURS, *options, cert=cert) as raw:
        storm(raw, for_s=1.0, seed=1)
        wait_until(lambda: held(raw)[0] < 40, what="its clients are gone", limit_s=30.0)
        files, threads = held(raw)

        assert storm(raw, for_s=for_s, seed=2) > CLIENTS

        wait_until(lambda: held(raw)[0] <= files + 3, what="no file is left open", limit_s=30.0)
        assert held(raw)[1] <= threads + 3
        assert "Traceback" not in raw.log()
        assert raw.stop() == 0
