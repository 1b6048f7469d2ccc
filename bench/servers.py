"""Servers of ours and of others: started, asked whether they are ready, and stopped."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

ROOT = Path(__file__).parents[1]
PROJECTS = ROOT / "bench" / "projects"
OUR_WORKER = "motia_actors.web.worker.ActorWorker"
START_S_MAX = 20.0
STOP_S_MAX = 20.0
LOOK_EVERY_S = 0.01


class GunicornSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the servers of one run are started, all alike."""

    worker_class: str = "gthread"
    workers: int = 1
    threads: int = 8
    has_cpu_each: bool = False
    """Each worker is bound to a CPU of its own."""

    def options(self) -> list[str]:
        """Write them as gunicorn's options."""
        options = ["-k", self.worker_class, "-w", str(self.workers), "--keep-alive", "75"]
        # The sync worker would be turned into gthread by it; the others have no use for it.
        if self.worker_class not in ("sync", "gevent", "asgi"):
            options += ["--threads", str(self.threads)]
        if self.has_cpu_each:
            options += ["-c", "bench/bound.py"]
        return [*options, "--no-control-socket", "--log-level", "error"]


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """A running server: its port on this machine, its first process, and what its start took."""

    port: int
    pid: int
    start_s: float = 0.0


@contextlib.contextmanager
def launched(
    command: Sequence[str],
    *,
    port: int,
    ready: str,
    env: Mapping[str, str] | None = None,
    cwd: Path = ROOT,
    within_s: float = START_S_MAX,
    log: Path | None = None,
) -> Iterator[Server]:
    """Run command, which listens on port, until the block ends; ready is a path that answers 200.

    What it says goes to the file log, or else to stderr.

    Raises:
        SystemExit: it ended, or was not ready in time.
    """
    kept = {name: value for name, value in os.environ.items() if "MOTIA" not in name}
    began_s = time.monotonic()
    with contextlib.ExitStack() as stack:
        output = sys.stderr if log is None else stack.enter_context(log.open("w"))
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env={**kept, "LOG_LEVEL": "error", **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        _wait_until_ready(process, port, ready, within_s=within_s)
        yield Server(port=port, pid=process.pid, start_s=time.monotonic() - began_s)
    finally:
        stop(process)


@contextlib.contextmanager
def serving(
    app: str,
    settings: GunicornSettings,
    *,
    ready: str,
    env: Mapping[str, str] | None = None,
    log: Path | None = None,
) -> Iterator[Server]:
    """Serve app, as `module:name`, by gunicorn."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}"]
    command += [*settings.options(), app]
    with launched(command, port=port, ready=ready, env=env, log=log) as server:
        yield server


@contextlib.contextmanager
def serving_uvicorn(app: str, *, ready: str, workers: int = 1) -> Iterator[Server]:
    """Serve an ASGI app by uvicorn, with uvloop and httptools as it finds them."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", str(workers), "--no-access-log", "--log-level", "error", app]
    with launched(command, port=port, ready=ready) as server:
        yield server


@contextlib.contextmanager
def serving_project(
    project: str | Path,
    settings: GunicornSettings,
    *,
    data: Path,
    ready: str,
    env: Mapping[str, str] | None = None,
    log: Path | None = None,
) -> Iterator[Server]:
    """Serve one of our projects, or one in a folder elsewhere, with its data in a folder."""
    ours = {"MOTIA_PROJECT": str(PROJECTS / project), "MOTIA_STORE": f"lmdb://{data.resolve()}"}
    env = {**ours, **(env or {})}
    with serving("motia_actors.wsgi", settings, ready=ready, env=env, log=log) as server:
        yield server


def free_port() -> int:
    """Find a port of this machine that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _wait_until_ready(
    process: subprocess.Popen[bytes], port: int, path: str, *, within_s: float
) -> None:
    until_s = time.monotonic() + within_s
    while time.monotonic() < until_s:
        if process.poll() is not None:
            raise SystemExit(f"the server ended with {process.returncode} before it was ready")
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=START_S_MAX)
        with (
            contextlib.suppress(OSError, http.client.HTTPException),
            contextlib.closing(connection),
        ):
            connection.request("GET", path)
            with connection.getresponse() as answer:
                if answer.status == 200:
                    return
        time.sleep(LOOK_EVERY_S)
    raise SystemExit(f"nothing answered 200 to GET {path} within {within_s:g} s")


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process that was started with a session of its own, by force where it lingers."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_S_MAX)
    except subprocess.TimeoutExpired:
        # It has a session, so a group, of its own: nobody else's processes are in there.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(STOP_S_MAX)
