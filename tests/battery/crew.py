"""Several clerks on one folder, who are killed, stopped and replaced, and their book."""

from __future__ import annotations

import os
import random
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Self

import msgspec
from lmdb.verify import verify

from motia_actors.store import Store
from tests.battery.clerk import Mark
from tests.e2e.server import ROOT, wait_until

DRAIN_S_MAX = 30.0
ERRORS_BYTES_MAX = 10_000


def note(text: str) -> None:
    """Say it where a test failed, or to whoever runs pytest with -s."""
    sys.stdout.write(f"{text}\n")


def new_seed() -> int:
    """Take the seed of this run: BATTERY_SEED repeats a former one."""
    seed = int(os.environ.get("BATTERY_SEED") or secrets.randbits(32))
    note(f"BATTERY_SEED={seed}")
    return seed


class Clerk(NamedTuple):
    """One living process."""

    role: str
    process: subprocess.Popen[bytes]


class Crew:
    """Clerks by role, one process for each; whoever dies is replaced by the next look.

    Args:
        folder: The store's.
        roles: `maker-a`, `std-1`, `fifo-1`, `sink-1`…
        options: As the clerk knows them.
        prefix: A command that runs the clerks.
        exits: How a clerk may end.
        lives: How many there were on this folder before.
    """

    def __init__(
        self,
        folder: Path,
        roles: Sequence[str],
        *,
        seed: int,
        options: Mapping[str, int] | None = None,
        prefix: Sequence[str] = (),
        exits: Sequence[int] = (-signal.SIGKILL,),
        lives: int = 0,
    ) -> None:
        self.folder, self.chance, self.deaths = folder, random.Random(seed), 0
        self.lines: list[list[str]] = []
        self._roles, self._seed, self._exits = list(roles), seed, exits
        self._options, self._prefix = dict(options or {}), list(prefix)
        self._lives = lives
        self._clerks: list[Clerk] = []
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed by __exit__)
        self._end, self._book = os.pipe()
        self._written = threading.Condition()
        self._reader = threading.Thread(target=self._read)

    def __enter__(self) -> Self:
        self._reader.start()
        for role in self._roles:
            self._start(role)
        return self

    def __exit__(self, *exc: object) -> None:
        for clerk in self._clerks:
            clerk.process.kill()
            clerk.process.wait()
        os.close(self._book)
        self._reader.join()
        os.close(self._end)
        self._errors.close()

    def count(self, word: str) -> int:
        """Count the lines that begin with this word."""
        return sum(line[0] == word for line in self.lines)

    def wait_lines(self, count: int, *, limit_s: float) -> None:
        """Wait until so many more lines are in the book; a moment longer does no harm."""
        enough = len(self.lines) + count
        with self._written:
            self._written.wait_for(lambda: len(self.lines) >= enough, limit_s)

    def wait_word(self, word: str, count: int = 1) -> None:
        """Wait until the book has so many lines of this word, replacing who dies."""
        wait_until(
            lambda: self._replaced().count(word) >= count,
            what=f"{count} lines {word}",
            limit_s=DRAIN_S_MAX,
        )

    def hit(self) -> None:
        """Do harm to somebody: kill -9, or now and then stop him, to go on later as a zombie."""
        clerk = self.chance.choice(self._clerks)
        if self.chance.random() < 0.2:
            clerk.process.send_signal(signal.SIGSTOP)
        else:
            clerk.process.kill()
            clerk.process.wait()

    def awake(self) -> None:
        """Let those go on who were stopped."""
        for clerk in self._clerks:
            clerk.process.send_signal(signal.SIGCONT)

    def replace(self) -> None:
        """Start somebody in the place of each who died, in a new life."""
        for clerk in list(self._clerks):
            code = clerk.process.poll()
            if code is not None:
                assert code in self._exits, f"{clerk.role} ended with {code}: {self.errors()}"
                self.deaths += 1
                self._clerks.remove(clerk)
                self._start(clerk.role)

    def _replaced(self) -> Self:
        self.replace()
        return self

    def dismiss(self, role: str) -> None:
        """Kill those of the role and replace them no more."""
        for clerk in [one for one in self._clerks if one.role.startswith(role)]:
            clerk.process.kill()
            clerk.process.wait()
            self._clerks.remove(clerk)

    def pids(self) -> list[int]:
        """Process ids of those alive."""
        return [clerk.process.pid for clerk in self._clerks]

    def drain(self, store: Store, *, limit_s: float = DRAIN_S_MAX) -> None:
        """Wait until nothing is left to do."""
        self.dismiss("maker")

        def is_empty() -> bool:
            self.replace()
            return not store.events.steps()

        wait_until(is_empty, what="every queue is empty", limit_s=limit_s)

    def errors(self) -> str:
        """What the clerks complained of."""
        return os.pread(self._errors.fileno(), ERRORS_BYTES_MAX, 0).decode("utf-8", "replace")

    def _start(self, role: str) -> None:
        self._lives += 1
        words = [str(self.folder), role, str(self._lives), str(self._seed), str(self._book)]
        words += [f"{name}={number}" for name, number in self._options.items()]
        process = subprocess.Popen(
            [*self._prefix, sys.executable, "-m", "tests.battery.clerk", *words],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stderr=self._errors,
            pass_fds=[self._book],
        )
        self._clerks.append(Clerk(role, process))

    def _read(self) -> None:
        rest = b""
        while data := os.read(self._end, 2**16):
            *lines, rest = (rest + data).split(b"\n")
            with self._written:
                self.lines.extend(line.decode().split(" ") for line in lines)
                self._written.notify_all()


def last_attempts(crew: Crew, words: str) -> dict[tuple[str, str], int]:
    """By step and event, the highest attempt that lines of these words tell of."""
    attempts: dict[tuple[str, str], int] = {}
    for word, *rest in crew.lines:
        if word in words:
            step, event, attempt = rest
            attempts[step, event] = max(attempts.get((step, event), 0), int(attempt))
    return attempts


def problems(folder: Path) -> list[str]:
    """Check every page of the data file; answers what is wrong."""
    found: list[str] = verify(str(folder / "db"))  # type: ignore[no-untyped-call]  # untyped there
    return found


def balance(crew: Crew, store: Store) -> str:
    """Compare the book with the store once every queue is empty; answers the figures.

    Each put went to `std` and `fifo` in one commit, each end of a `std` in one commit with its
    event for `sink`: so whatever was killed when, the counts of all three are one number.
    """
    acknowledged = {line[1] for line in crew.lines if line[0] == "E"}
    handled = [item.key for item in store.state.group("std")]
    sunk = Counter(item.value.decode() for item in store.state.group("sink"))
    marks = [msgspec.json.decode(item.value, type=Mark) for item in store.state.group("fifo")]
    ends = Counter((line[1], line[2]) for line in crew.lines if line[0] in "AX")
    runs = last_attempts(crew, "D")
    figures = (
        f"deaths={crew.deaths} acknowledged={len(acknowledged)} kept={len(handled)} "
        f"runs={crew.count('D')} again={crew.count('D') - len(runs)} leases_lost={crew.count('L')} "
        f"refused_as_full={crew.count('F')} lost={len(acknowledged - set(handled))} "
        f"overtaken={crew.count('X')}"
    )
    note(figures)
    assert acknowledged, "nothing was done"
    assert acknowledged <= set(handled), "lost"
    assert crew.count("X") == 0, "overtaken"
    assert max(ends.values()) == 1, "acknowledged twice"
    # What ended is leased no more: a later lease was given before that end, which was too late.
    ended = last_attempts(crew, "AX")
    assert ended == {run: runs[run] for run in ended}, "ended by one who had lost the lease"
    assert sunk == Counter(handled), "an end and its event are not one"
    assert sum(mark.count for mark in marks) == len(handled), "counted wrong"
    return figures
