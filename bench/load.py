"""An HTTP load generator of few lines, in a process of its own.

Connections are kept alive, and each sends its next request when the last was answered. Parsing
is the least that tells one answer from the next: the status and Content-Length.

    python -m bench.load PORT SECONDS CONNECTIONS METHOD PATH [JSON]
"""

from __future__ import annotations

import select
import socket
import subprocess
import sys
import time
from array import array
from pathlib import Path

import msgspec

from bench.rows import percentile_ms

RECEIVE_BYTES = 65536
ANSWER_S_MAX = 10.0
WRK_REPORT = Path(__file__).parent / "wrk_report.lua"


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked, over and over; body is JSON."""

    path: str
    method: str = "GET"
    body: str = ""

    def to_bytes(self) -> bytes:
        """Write it as it goes over the wire."""
        lines = [f"{self.method} {self.path} HTTP/1.1", "Host: 127.0.0.1"]
        if self.body:
            lines += ["Content-Type: application/json", f"Content-Length: {len(self.body)}"]
        return "\r\n".join([*lines, "", self.body]).encode()


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What a client saw. `failed` counts answers that were not 200, and lost connections."""

    count: int
    failed: int
    elapsed_s: float
    p50_ms: float
    p99_ms: float


class _Connection:
    """One connection and what it has received of the answer it waits for."""

    def __init__(self, port: int, request: bytes) -> None:
        self._address, self._request = ("127.0.0.1", port), request
        self._received = b""
        self.begin_s = 0.0
        self.connect()

    def connect(self) -> None:
        self.socket = socket.create_connection(self._address, ANSWER_S_MAX)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.send()

    def send(self) -> None:
        self.begin_s = time.perf_counter()
        self.socket.sendall(self._request)

    def receive(self) -> bytes | None:
        """Answer the head of an answer once it is whole, b"" where the server hung up."""
        data = self.socket.recv(RECEIVE_BYTES)
        if not data:
            return b""
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        if not end:
            return None
        size = head.lower().partition(b"content-length:")[2].partition(b"\r")[0]
        if len(body) < int(size):
            return None
        self._received = b""
        return head


def generate(port: int, request: Request, *, seconds: float, connections: int) -> Load:
    """Keep so many connections busy from this process."""
    data = request.to_bytes()
    poll = select.epoll()
    open_ones: dict[int, _Connection] = {}

    def add(connection: _Connection) -> None:
        open_ones[connection.socket.fileno()] = connection
        poll.register(connection.socket.fileno(), select.EPOLLIN)

    latencies, failed = array("d"), 0
    begin_s = time.perf_counter()
    for _ in range(connections):
        add(_Connection(port, data))
    while (now_s := time.perf_counter()) - begin_s < seconds:
        for number, _mask in poll.poll(seconds):
            connection = open_ones[number]
            head = connection.receive()
            if head is None:
                continue
            if head:
                latencies.append(time.perf_counter() - connection.begin_s)
                failed += not head.startswith(b"HTTP/1.1 200")
            if head and b"connection: close" not in head.lower():
                connection.send()
            else:
                poll.unregister(number)
                del open_ones[number]
                connection.socket.close()
                failed += not head
                connection.connect()
                add(connection)
    for connection in open_ones.values():
        connection.socket.close()
    return Load(
        count=len(latencies),
        failed=failed,
        elapsed_s=now_s - begin_s,
        p50_ms=percentile_ms(latencies, 0.5),
        p99_ms=percentile_ms(latencies, 0.99),
    )


def run(client: str, port: int, request: Request, *, seconds: float, connections: int) -> Load:
    """Have a process of its own generate the load; client is `wrk` or `python`.

    Raises:
        SystemExit: an answer was not 200, so the figures would mean nothing.
    """
    if client == "wrk":
        # wrk takes whole seconds only.
        command = ["wrk", "-t", "1", "-c", str(connections), "-d", f"{max(1, round(seconds))}s"]
        command += ["-s", str(WRK_REPORT), f"http://127.0.0.1:{port}{request.path}"]
        command += ["--", request.method, request.body]
    else:
        command = [sys.executable, "-m", "bench.load", str(port), str(seconds), str(connections)]
        command += [request.method, request.path, request.body]
    ended = subprocess.run(
        command,
        cwd=Path(__file__).parents[1],
        capture_output=True,
        check=False,
        timeout=seconds + 60,
    )
    if ended.returncode:
        raise SystemExit(f"{client} failed: {ended.stderr.decode()}")
    load = msgspec.json.decode(ended.stdout.splitlines()[-1], type=Load)
    if load.failed or not load.count:
        raise SystemExit(f"{request.path}: {load.failed} of {load.count} requests failed")
    return load


def main() -> None:
    """Generate load as the command line says and print what was seen."""
    port, seconds, connections, method, path, body = sys.argv[1:]
    request = Request(path=path, method=method, body=body)
    load = generate(int(port), request, seconds=float(seconds), connections=int(connections))
    sys.stdout.write(msgspec.json.encode(load).decode() + "\n")


if __name__ == "__main__":
    main()
