"""Walk through a page as its reader would: save its files, run its commands, compare what they say.

A block of `console` has commands behind `$ ` and below them what they print; `…` stands for
anything on a line, and a line of its own for any lines. A block of `sh` is commands alone.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from tests.docs.pages import Block, blocks
from tests.e2e.server import EXAMPLES, Client, copy_project, free_port, wait_until

COMMAND_S_MAX = 120.0
SERVES = re.compile(r"^(?:MOTIA_\w+=\S+ )?(?:motia-actors (?:dev|start)|gunicorn)\b")
INSTALLS = re.compile(r"^(?:python3? -m venv|\. \.venv|pip install)\b")
# What is looked at may still be on its way, so these are done again until it is there.
LOOKS = re.compile(r"^(?:curl(?!.* -(?:d|X) )|motia-actors (?:logs|traces|state|dlq list)\b)")
ADDRESS = re.compile(r"(localhost|127\.0\.0\.1):3000")
SCRIPT = """
if [ -f "$STATE" ]; then . "$STATE"; fi
cd "$(cat "$PLACE")" || exit 97
{command}
status=$?
export -p > "$STATE"
pwd > "$PLACE"
exit $status
"""


class Walk:
    """One reader, in a folder of their own.

    Args:
        folder: Where the first command is run.
        is_installing: Environments and packages are really made; else those of this process serve.
        env: Variables over this process'.
    """

    def __init__(
        self, folder: Path, *, is_installing: bool = False, env: dict[str, str] | None = None
    ) -> None:
        self._home, self.port, self._is_installing = folder, free_port(), is_installing
        self._state, self._place = folder / ".state", folder / ".place"
        self._place.write_text(f"{folder}\n")
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        kept = {name: value for name, value in os.environ.items() if "MOTIA" not in name}
        kept.pop("VIRTUAL_ENV", None)
        self._env = {
            **kept, "PATH": path, **(env or {}), "TERM": "dumb", "PYTHONUNBUFFERED": "1",
            "MOTIA_URL": f"http://127.0.0.1:{self.port}", "STATE": str(self._state),
            "PLACE": str(self._place), "HOME": str(folder),
        }  # fmt: skip
        self._server: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    @property
    def place(self) -> Path:
        """The folder the reader is in."""
        return Path(self._place.read_text("utf-8").strip())

    def go(self, folder: Path) -> None:
        """Change to a folder."""
        self._place.write_text(f"{folder}\n")

    def page(self, page: Path) -> None:
        """Do all that a page says."""
        for block in blocks(page):
            if block.how == "skip":
                continue
            if block.language == "console":
                for command, expected in _exchanges(block):
                    self.command(command, expected, where=block.id)
            elif block.language == "sh":
                for command in commands(block):
                    self.command(command, None, where=block.id)
            elif block.path is not None:
                file = self.place / block.path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(block.text, "utf-8")

    def command(self, command: str, expected: str | None, *, where: str) -> None:
        """Run one command; what it prints must be as expected."""
        if INSTALLS.match(command) and not self._is_installing:
            return
        if command == "make demo":
            self.go(copy_project(EXAMPLES / "orders", self._home / "orders"))
            command = "motia-actors start"
        if SERVES.match(command):
            self.serve(command, expected, where=where)
            return
        is_look = LOOKS.match(command) is not None
        answered = ""

        def runs() -> bool:
            nonlocal answered
            status, answered = self.run(command)
            is_right = expected is None or matches(expected, answered)
            return is_right and (status == 0 or "--max-time" in command)

        if is_look:
            try:
                wait_until(runs, what=command)
            except AssertionError:
                raise AssertionError(_told(where, command, expected, answered)) from None
        else:
            assert runs(), _told(where, command, expected, answered)

    def run(self, command: str) -> tuple[int, str]:
        """Run a command here; answers its exit status and all that it printed."""
        asked = ADDRESS.sub(rf"\1:{self.port}", command)
        done = subprocess.run(
            ["bash", "-c", SCRIPT.replace("{command}", asked)],
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=COMMAND_S_MAX,
            check=False,
        )
        return done.returncode, self._as_written(done.stdout)

    def serve(self, command: str, expected: str | None, *, where: str) -> None:
        """Start a server in the place of the one before, and wait until it answers."""
        self.stop()
        bind = f"--bind 127.0.0.1:{self.port}"
        log = self._home / f"served-{where.replace('/', '-')}.log"
        with log.open("wb") as written:
            self._server = subprocess.Popen(
                ["bash", "-c", SCRIPT.replace("{command}", f"exec {command} {bind}")],
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=written,
                stderr=written,
                start_new_session=True,
            )

        def said() -> str:
            return self._as_written(log.read_text("utf-8", "replace"))

        def is_ready() -> bool:
            assert self._server is not None
            assert self._server.poll() is None, f"{where}: {command} ended: {said()}"
            client = Client(self.port)
            try:
                return client.get("/readyz").status == 200
            except OSError:
                return False
            finally:
                client.close()

        wait_until(is_ready, what=f"{where}: {command} serves", limit_s=30)
        if expected is not None:
            wait_until(
                lambda: matches(expected, said()),
                what=_told(where, command, expected, said()),
                limit_s=10,
            )

    def stop(self) -> None:
        """Send TERM to the server, and wait for its end."""
        server, self._server = self._server, None
        if server is not None:
            server.terminate()
            assert server.wait(30) == 0

    def _as_written(self, text: str) -> str:
        return text.replace(f":{self.port}", ":3000").replace(str(self._home), "~")


def matches(expected: str, printed: str) -> bool:
    """What was printed is what the page shows."""
    wanted = "\n".join(line.rstrip() for line in expected.strip().splitlines())
    got = "\n".join(line.rstrip() for line in printed.strip().splitlines())
    pattern = re.escape(wanted).replace("\\…", "…")
    pattern = re.sub(r"(?:^|\\\n)…(?=\\\n|$)", lambda _: r"(?:.|\n)*", pattern)
    return re.fullmatch(pattern.replace("…", r"[^\n]*"), got) is not None


def commands(block: Block) -> list[str]:
    """The commands of a block of sh: one a line, without what is said about them."""
    joined = block.text.replace("\\\n", " ")
    lines = [re.sub(r"(?:^|\s+)# .*$", "", line).strip() for line in joined.splitlines()]
    return [line for line in lines if line]


def words(command: str) -> list[str]:
    """A command as the shell splits it."""
    return shlex.split(command)


def _exchanges(block: Block) -> Iterator[tuple[str, str]]:
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        lines = part.split("\n")
        count = next(i for i, line in enumerate(lines, 1) if not line.endswith("\\"))
        command = " ".join(line.rstrip("\\").strip() for line in lines[:count])
        yield re.sub(r"\s+# .*$", "", command), "\n".join(lines[count:])


def _told(where: str, command: str, expected: str | None, printed: str) -> str:
    return f"{where}\n$ {command}\n--- expected\n{expected}\n--- printed\n{printed}"
