"""Motia itself, from npm, on a Redis server of ours: `python -m bench.peers.motia` installs it.

Installation scripts of its packages are not run: one would compile a Redis, and we have one.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path

import msgspec

from bench import ledger
from bench.options import RESULTS
from bench.peers.redis_server import Fsync, redis_server
from bench.servers import Server, free_port, launched

VERSION = "0.17.6-beta.187"
SOURCES = Path(__file__).with_name("motia_project")
FOLDER = RESULTS / "peers" / "motia"
PROGRAM = FOLDER / "node_modules" / "motia" / "dist" / "cli.mjs"
INSTALL_S_MAX = 600.0
START_S_MAX = 60.0


class Motia(msgspec.Struct, frozen=True, kw_only=True):
    """A running Motia: its server, where its handlers note events, and its Redis."""

    server: Server
    ledger: Path
    redis_pid: int


def missing() -> str:
    """Tell what Motia lacks to run here and how to get it; empty: nothing."""
    for command, package in (("node", "nodejs"), ("npm", "npm"), ("redis-server", "redis-server")):
        if shutil.which(command) is None:
            return f"motia needs {command}: apt-get install {package}"
    if not PROGRAM.is_file():
        return "motia is not installed: python -m bench.peers.motia"
    return ""


def install() -> None:
    """Install the pinned version below bench/results, with a Python environment for its steps.

    Raises:
        SystemExit: npm is missing or failed.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise SystemExit("motia needs npm: apt-get install npm")
    _copy_sources()
    command = [npm, "install", "--ignore-scripts", "--no-audit", "--no-fund"]
    try:
        ended = subprocess.run(command, cwd=FOLDER, check=False, timeout=INSTALL_S_MAX)
    except subprocess.TimeoutExpired:
        raise SystemExit(f"npm took over {INSTALL_S_MAX:g} s to install motia@{VERSION}") from None
    if ended.returncode or not PROGRAM.is_file():
        raise SystemExit(f"npm could not install motia@{VERSION}; what it said stands above")
    # Motia refuses to start with steps in Python where this folder is missing.
    venv.create(FOLDER / "python_modules", with_pip=False)


@contextlib.contextmanager
def serving_motia(folder: Path, *, fsync: Fsync) -> Iterator[Motia]:
    """Run `motia start` until the block ends, with the data of its Redis in a folder.

    Raises:
        SystemExit: it is not installed or does not start; the message says what to do.
    """
    lacking = missing()
    if lacking:
        raise SystemExit(lacking)
    _copy_sources()
    noted = folder / "ledger"
    noted.mkdir(parents=True)
    port = free_port()
    with redis_server(folder / "redis", fsync=fsync) as redis:
        env = {
            "BENCH_REDIS_PORT": str(redis.port),
            ledger.FOLDER: str(noted.resolve()),
            "MOTIA_ANALYTICS_DISABLED": "true",
            "MOTIA_DISABLE_MEMORY_SERVER": "true",
            "MOTIA_DOCKER_DISABLE_WORKBENCH": "true",
        }
        node = shutil.which("node")
        assert node is not None, "missing() has looked for it"
        command = [node, str(PROGRAM), "start", "--host", "127.0.0.1", "--port", str(port)]
        with launched(
            command,
            port=port,
            ready="/hello",
            env=env,
            cwd=FOLDER,
            within_s=START_S_MAX,
            log=folder / "log",
        ) as server:
            yield Motia(server=server, ledger=noted, redis_pid=redis.pid)


def _copy_sources() -> None:
    shutil.copytree(SOURCES, FOLDER, dirs_exist_ok=True)


if __name__ == "__main__":
    install()
    print(f"motia@{VERSION} is in {FOLDER}", file=sys.stderr)
