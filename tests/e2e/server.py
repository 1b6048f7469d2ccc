"""The real thing: a copy of a project, served by gunicorn, asked over HTTP, stopped or killed.

One place waits (`wait_until`), one speaks HTTP (`Client`), one owns the processes (`Server`).
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self, TypeVar

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"

START_S_MAX = 20.0
STOP_S_MAX = 20.0
ANSWER_S_MAX = 20.0
SETTLE_S_MAX = 15.0
LOOK_EVERY_S = 0.02
OURS = re.compile(r"^Traceback|\"msg\":\"actor [^\"]* crashed", re.MULTILINE)
SERVING = "serving "  # What each worker logs when it is ready.

OWN = "motia_actors.web.worker.ActorWorker"
MADE = shutil.ignore_patterns(".motia", "__pycache__", "node_modules", "built")
COUNT_OPTIONS = ("-w", "--workers")

Via = Literal["gunicorn", "start", "dev"]
T = TypeVar("T")


def wait_until(look: Callable[[], T], *, what: str, limit_s: float = SETTLE_S_MAX) -> T:
    """Look again and again until the answer is true, and return it.

    What is waited for happens in other processes, which have no way to call us: this is the
    one place of the suite that sleeps.
    """
    until_s = time.monotonic() + limit_s
    while True:
        answer = look()
        if answer:
            return answer
        if time.monotonic() > until_s:
            raise AssertionError(f"not within {limit_s:g} s: {what}; last seen: {answer!r}")
        time.sleep(LOOK_EVERY_S)


class Answer(NamedTuple):
    """What the server said."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """One connection, kept alive from request to request; one thread's."""

    def __init__(
        self, port: int, *, limit_s: float = ANSWER_S_MAX, trust: ssl.SSLContext | None = None
    ) -> None:
        self._connection = (
            http.client.HTTPConnection("127.0.0.1", port, timeout=limit_s)
            if trust is None
            else http.client.HTTPSConnection("127.0.0.1", port, timeout=limit_s, context=trust)
        )

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send bytes as they are, anything else but None as JSON."""
        sent = dict(headers or {})
        data = body if isinstance(body, bytes) else None
        if body is not None and data is None:
            data = json.dumps(body).encode()
            sent.setdefault("content-type", "application/json")
        try:
            self._connection.request(method, path, data, sent)
            response = self._connection.getresponse()
            received = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, received, response.read())
        except (OSError, http.client.HTTPException):
            self._connection.close()  # So that the next request begins anew.
            raise

    def get(self, path: str) -> Answer:
        return self.ask("GET", path)

    def post(self, path: str, body: object = None) -> Answer:
        return self.ask("POST", path, body)

    def close(self) -> None:
        self._connection.close()


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def copy_project(source: Path, target: Path) -> Path:
    """Copy a project without its data."""
    shutil.copytree(source, target, ignore=MADE)
    return target


def write_project(target: Path, files: Mapping[str, str]) -> Path:
    """Make a project of files, by path."""
    for name, text in files.items():
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return target


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for localhost that nobody trusts yet, and its key."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += [
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
        "-keyout",
        str(key),
        "-out",
        str(cert),
    ]
    command += ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    subprocess.run(command, check=True, capture_output=True)
    return cert, key


class Server:
    """gunicorn and its workers, in a process group of their own."""

    def __init__(
        self,
        project: Path,
        *,
        options: Sequence[str] = ("-w", "1", "-k", OWN, "--threads", "8"),
        via: Via = "gunicorn",
        env: Mapping[str, str] | None = None,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        self.project, self.port, self._trust = project, free_port(), trust
        self._log = project.parent / f"{project.name}-{self.port}.log"
        bind = ["--bind", f"127.0.0.1:{self.port}"]
        if via == "gunicorn":
            self._command = [sys.executable, "-m", "gunicorn", *bind, *options]
            self._command += ["--no-control-socket", "motia_actors.wsgi"]
        else:
            self._command = [sys.executable, "-m", "motia_actors", via, *bind, *options]
            self._command += ["--project", str(project)]
        kept = {name: value for name, value in os.environ.items() if "MOTIA" not in name}
        self._env = {**kept, "PYTHONUNBUFFERED": "1", **(env or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self._worker_count = worker_count(options)
        self._served_count = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.kill()

    def start(self) -> None:
        """Start it and wait until every worker serves."""
        self._served_count = self.served_count()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=self.project,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            wait_until(self._is_ready, what="every worker is ready", limit_s=START_S_MAX)
        except AssertionError as error:
            self.kill()
            raise AssertionError(f"{error}\n{self.log()}") from None

    def _is_ready(self) -> bool:
        assert self.process.poll() is None, f"ended with {self.process.returncode}"
        # A worker that is told to stop while it still starts would be killed in the end.
        if self.served_count() < self._served_count + self._worker_count:
            return False
        with contextlib.suppress(OSError, http.client.HTTPException), self.client() as client:
            return client.get("/readyz").status == 200
        return False

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "start it first"
        return self._process

    @contextlib.contextmanager
    def client(self) -> Iterator[Client]:
        """A connection of its own, closed at the end."""
        client = Client(self.port, trust=self._trust)
        try:
            yield client
        finally:
            client.close()

    def get(self, path: str) -> Answer:
        """Ask on a new connection."""
        with self.client() as client:
            return client.get(path)

    def post(self, path: str, body: object = None) -> Answer:
        """Ask on a new connection."""
        with self.client() as client:
            return client.post(path, body)

    def log(self) -> str:
        """All that its processes have written so far."""
        return self._log.read_text("utf-8", "replace") if self._log.exists() else ""

    def served_count(self) -> int:
        """Count the workers that have ever been ready here."""
        return self.log().count(SERVING)

    def workers(self) -> list[int]:
        """Process ids of gunicorn's workers, oldest first (Linux)."""
        pid = self.process.pid
        return [
            int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        ]

    def signal(self, number: signal.Signals) -> None:
        """Tell the master process."""
        self.process.send_signal(number)

    def wait(self) -> int:
        """Wait for its end; answers the exit code."""
        return self.process.wait(STOP_S_MAX)

    def stop(self) -> int:
        """Send TERM and wait; answers the exit code."""
        self.signal(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        """kill -9 to all its processes, as a power cut would."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(STOP_S_MAX)

    def stop_cleanly(self) -> None:
        """Stop it; it must have ended well and logged no traceback."""
        code = self.stop()
        log = self.log()
        assert code == 0, log
        # Inside a line it is a step's, which says so; on a line of its own, or of an actor, ours.
        assert not OURS.search(log), log


def worker_count(options: Sequence[str]) -> int:
    """Find the number of workers in gunicorn's options."""
    counts = [options[index + 1] for index, name in enumerate(options) if name in COUNT_OPTIONS]
    return int(counts[-1]) if counts else 1


def workers(kind: str, count: int) -> tuple[str, ...]:
    """gunicorn's options for a kind and number of workers."""
    threads = ("--threads", "8") if kind in ("gthread", OWN) else ()
    return ("-w", str(count), "-k", kind, *threads)
