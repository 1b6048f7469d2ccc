"""One process that holds something: `python -m tests.battery.holder FOLDER read|write`.

It says `holds` once it has a snapshot, or is inside the write transaction with its rows
written and its commit still to come, and then waits to be killed.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from motia_actors.clock import SystemClock
from motia_actors.store import StateSet, Write
from motia_actors.stores.lmdb import LmdbStore
from motia_actors.stores.lmdb.work import Work
from motia_actors.threads import Signal
from tests.e2e.server import ROOT
from tests.stores.driving import driven

ROWS = 500


@contextlib.contextmanager
def holder_on(folder: Path, what: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start one and wait until it holds; kill it in the end."""
    command = [sys.executable, "-m", "tests.battery.holder", str(folder), what]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"holds\n"
            yield process
        finally:
            process.kill()


def hold() -> None:
    """Say it, and wait for ever."""
    os.write(1, b"holds\n")
    Signal().wait()


def hold_in(self: Work) -> None:
    """Stand in the place of what ends a transaction's rows."""
    hold()


def main() -> None:
    folder, what = sys.argv[1:]
    store = LmdbStore(Path(folder), SystemClock())
    with driven(store):
        if what == "read":
            with store._env.read():
                hold()
        Work.finish = hold_in  # type: ignore[method-assign]  # that is the fault
        writes: list[Write[object]] = [
            StateSet(group="partial", key=str(number), value=b"x" * 100) for number in range(ROWS)
        ]
        store.commit(writes).result()


if __name__ == "__main__":
    main()
