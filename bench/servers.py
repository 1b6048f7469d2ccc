"""gunicorn with an application, started, asked whether it is ready, and stopped."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

ROOT = Path(__file__).parents[1]
PROJECTS = ROOT / "bench" / "projects"
START_S_MAX = 20.0
STOP_S_MAX = 20.0
LOOK_EVERY_S = 0.05


class GunicornSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the servers of one run are started, all alike."""

    worker_class: str = "gthread"
    workers: int = 1
    threads: int = 8

    def options(self) -> list[str]:
        """Write them as gunicorn's options."""
        options = ["-k", self.worker_class, "-w", str(self.workers), "--keep-alive", "75"]
        if self.worker_class not in (
            "sync",
            "gevent",
        ):  # It would turn the sync worker into this one.
            options += ["--threads", str(self.threads)]
        return [*options, "--no-control-socket", "--log-level", "error"]


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """A running server: its port on this machine and its first process."""

    port: int
    pid: int


@contextlib.contextmanager
def serving(
    app: str, settings: GunicornSettings, *, ready: str, env: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """Serve app, as `module:name`, until the block ends; ready is a path that answers 200."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}"]
    kept = {name: value for name, value in os.environ.items() if "MOTIA" not in name}
    process = subprocess.Popen(
        [*command, *settings.options(), app],
        cwd=ROOT,
        env={**kept, "LOG_LEVEL": "error", **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
        start_new_session=True,
    )
    try:
        _wait_until_ready(process, port, ready)
        yield Server(port=port, pid=process.pid)
    finally:
        stop(process)


@contextlib.contextmanager
def serving_project(
    project: str,
    settings: GunicornSettings,
    *,
    data: Path,
    ready: str,
    env: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """Serve one of our projects, with its data in a folder."""
    ours = {"MOTIA_PROJECT": str(PROJECTS / project), "MOTIA_STORE": f"lmdb://{data.resolve()}"}
    with serving("motia_actors.wsgi", settings, ready=ready, env={**ours, **(env or {})}) as server:
        yield server


def free_port() -> int:
    """Find a port of this machine that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, path: str) -> None:
    until_s = time.monotonic() + START_S_MAX
    while time.monotonic() < until_s:
        if process.poll() is not None:
            raise SystemExit(f"gunicorn ended with {process.returncode} before it was ready")
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=START_S_MAX)
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection.request("GET", path)
            if connection.getresponse().status == 200:
                return
        connection.close()
        time.sleep(LOOK_EVERY_S)
    raise SystemExit(f"nothing answered 200 to GET {path} within {START_S_MAX:g} s")


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process that was started with a session of its own, by force where it lingers."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_S_MAX)
    except subprocess.TimeoutExpired:
        # It has a session, so a group, of its own: nobody else's processes are in there.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(STOP_S_MAX)
