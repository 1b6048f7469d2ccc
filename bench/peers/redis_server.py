"""A Redis server of our own: on a free port, with its append-only file in a folder of ours."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from bench.servers import Server, free_port, stop

Fsync = Literal["always", "everysec"]

START_S_MAX = 10.0
LOOK_EVERY_S = 0.02


def options(fsync: str) -> list[str]:
    """Its options, but for the place: everything in the append-only file, which never shrinks.

    A rewrite of the file would fork in the middle of somebody's turn.
    """
    file = ["--appendonly", "yes", "--appendfsync", fsync, "--auto-aof-rewrite-percentage", "0"]
    return ["--save", "", *file]


def version() -> str:
    """Ask the server which one it is."""
    asked = subprocess.run(["redis-server", "--version"], capture_output=True, check=True)
    return asked.stdout.decode().split()[2].removeprefix("v=")


@contextlib.contextmanager
def redis_server(folder: Path, *, fsync: Fsync) -> Iterator[Server]:
    """Run it until the block ends, for this machine alone and without a password."""
    command = shutil.which("redis-server")
    assert command is not None, "peers.choice has looked for it"
    folder.mkdir(parents=True)
    port = free_port()
    place = ["--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder.resolve())]
    process = subprocess.Popen(
        [command, *place, "--logfile", "log", *options(fsync)],
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
        start_new_session=True,
    )
    try:
        _wait_until_ready(process, port)
        yield Server(port=port, pid=process.pid)
    finally:
        stop(process)


def _wait_until_ready(process: subprocess.Popen[bytes], port: int) -> None:
    until_s = time.monotonic() + START_S_MAX
    while time.monotonic() < until_s:
        if process.poll() is not None:
            raise SystemExit(f"redis-server ended with {process.returncode}, see log in its folder")
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", port), timeout=START_S_MAX) as asking,
        ):
            asking.sendall(b"PING\r\n")
            if asking.recv(64).startswith(b"+PONG"):
                return
        time.sleep(LOOK_EVERY_S)
    raise SystemExit(f"redis-server did not answer within {START_S_MAX:g} s")
