"""An HTTP load generator of few lines, in a process of its own.

Connections are kept alive, and each sends its next request when the last was answered. Parsing
is the least that tells one answer from the next: the status and Content-Length. It goes on until
the seconds are over and so many requests were answered, so that a server that answers one a
second is measured too; then it waits for the answers that it is owed.

    python -m bench.load PORT SECONDS CONNECTIONS COUNT_MIN METHOD PATH [JSON]
"""

from __future__ import annotations

import select
import shutil
import socket
import subprocess
import sys
import time
from array import array
from pathlib import Path

import msgspec

from bench.rows import Sample, percentile_ms, quantiles_ms
from bench.servers import Server
from bench.usage import ended_children_cpu_s, tree_cpu_s

RECEIVE_BYTES = 65536
ANSWER_S_MAX = 10.0
ANSWERS_S_MAX = 60.0
WRK_SECONDS_MIN = 0.5
"""Shorter turns, such as those that warm up, are left to the other client."""
WRK_REPORT = Path(__file__).parent / "wrk_report.lua"


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked, over and over; body is JSON, token one of the control endpoints."""

    path: str
    method: str = "GET"
    body: str = ""
    token: str = ""

    def to_bytes(self) -> bytes:
        """Write it as it goes over the wire."""
        lines = [f"{self.method} {self.path} HTTP/1.1", "Host: 127.0.0.1"]
        if self.token:
            lines.append(f"Authorization: Bearer {self.token}")
        body = self.body.encode()
        if body:
            lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        return "\r\n".join([*lines, "", ""]).encode() + body


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What a client saw. `failed` counts answers that were not 200, and lost connections.

    `begin_s` is by the machine's monotonic clock; wrk does not tell it.
    """

    count: int
    failed: int
    elapsed_s: float
    p50_ms: float
    p99_ms: float
    quantiles_ms: list[float] = []
    begin_s: float = 0.0


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
        self.begin_s = time.monotonic()
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


def generate(
    port: int, request: Request, *, seconds: float, connections: int, count_min: int = 1
) -> Load:
    """Keep so many connections busy from this process."""
    data = request.to_bytes()
    poll = select.epoll()
    open_ones: dict[int, _Connection] = {}

    def add(connection: _Connection) -> None:
        open_ones[connection.socket.fileno()] = connection
        poll.register(connection.socket.fileno(), select.EPOLLIN)

    latencies, failed = array("d"), 0
    begin_s = time.monotonic()
    for _ in range(connections):
        add(_Connection(port, data))
    while open_ones:
        for number, _mask in poll.poll(ANSWER_S_MAX):
            connection = open_ones[number]
            head = connection.receive()
            if head is None:
                continue
            now_s = time.monotonic()
            if head:
                latencies.append(now_s - connection.begin_s)
            failed += not head.startswith(b"HTTP/1.1 200")
            elapsed_s = now_s - begin_s
            is_over = elapsed_s >= seconds and len(latencies) >= count_min
            if head and b"connection: close" not in head.lower() and not is_over:
                connection.send()
                continue
            poll.unregister(number)
            del open_ones[number]
            connection.socket.close()
            if not is_over:
                connection.connect()
                add(connection)
        if time.monotonic() - begin_s > seconds + ANSWERS_S_MAX:
            failed += len(open_ones)
            break
    return Load(
        count=len(latencies),
        failed=failed,
        elapsed_s=time.monotonic() - begin_s,
        p50_ms=percentile_ms(latencies, 0.5),
        p99_ms=percentile_ms(latencies, 0.99),
        quantiles_ms=quantiles_ms(latencies),
        begin_s=begin_s,
    )


def run(
    client: str,
    port: int,
    request: Request,
    *,
    seconds: float,
    connections: int,
    count_min: int = 1,
) -> Load:
    """Have a process of its own generate the load; client is `wrk` or `python`.

    wrk ends when its seconds are over, however few requests were answered.

    Raises:
        SystemExit: an answer was not 200, so the figures would mean nothing.
    """
    if client == "wrk" and seconds >= WRK_SECONDS_MIN:
        # wrk takes whole seconds only.
        command = ["wrk", "-t", "1", "-c", str(connections), "-d", f"{max(1, round(seconds))}s"]
        command += ["--timeout", f"{ANSWER_S_MAX:g}s", "-s", str(WRK_REPORT)]
        command += [f"http://127.0.0.1:{port}{request.path}", "--", request.method, request.body]
    else:
        command = [sys.executable, "-m", "bench.load", str(port), str(seconds), str(connections)]
        command += [str(count_min), request.method, request.path, request.body]
    ended = subprocess.run(
        command,
        cwd=Path(__file__).parents[1],
        capture_output=True,
        check=False,
        timeout=seconds + 2 * ANSWERS_S_MAX,
    )
    if ended.returncode:
        raise SystemExit(f"{client} failed: {ended.stderr.decode()}")
    load = msgspec.json.decode(ended.stdout.splitlines()[-1], type=Load)
    if load.failed or not load.count:
        raise SystemExit(f"{request.path}: {load.failed} of {load.count} requests failed")
    return load


def sample_of_load(
    client: str,
    server: Server,
    request: Request,
    *,
    connections: int,
    seconds: float,
    count_min: int = 1,
) -> Sample:
    """Load a server for one turn; `cpu_us` is of its processes, `client_us` of the client."""
    cpu_s, client_s = tree_cpu_s(server.pid), ended_children_cpu_s()
    load = run(
        client,
        server.port,
        request,
        seconds=seconds,
        connections=connections,
        count_min=count_min,
    )
    cpu_s = tree_cpu_s(server.pid) - cpu_s
    client_s = ended_children_cpu_s() - client_s
    return Sample(
        per_s=load.count / load.elapsed_s,
        p50_ms=load.p50_ms,
        p99_ms=load.p99_ms,
        cpu_us=cpu_s / load.count * 1e6,
        more={"client_us": client_s / load.count * 1e6},
        quantiles_ms=load.quantiles_ms,
    )


def usual_client() -> str:
    """Name the best client that is installed."""
    return "wrk" if shutil.which("wrk") else "python"


def main() -> None:
    """Generate load as the command line says and print what was seen."""
    port, seconds, connections, count_min, method, path, body = sys.argv[1:]
    load = generate(
        int(port),
        Request(path=path, method=method, body=body),
        seconds=float(seconds),
        connections=int(connections),
        count_min=int(count_min),
    )
    sys.stdout.write(msgspec.json.encode(load).decode() + "\n")


if __name__ == "__main__":
    main()
