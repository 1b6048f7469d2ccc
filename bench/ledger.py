"""When each event was handled, and how long after its emit, told by any number of processes.

Handlers note it in memory; a thread appends what there is to a file of the process, so that the
flow that is measured waits for no disk but its own.
"""

from __future__ import annotations

import os
import threading
import time
from array import array
from collections.abc import Callable
from pathlib import Path

FOLDER = "BENCH_LEDGER"
"""The environment variable with the folder that the files are in."""
APPEND_EVERY_S = 0.02
LOOK_EVERY_S = 0.01
DRAIN_S_MAX = 60.0
_ENTRY_BYTES = 2 * array("d").itemsize

_noted: array[float] = array("d")
_lock = threading.Lock()
_appending: list[int] = []


def add(emitted_s: float) -> None:
    """Note that an event was handled now."""
    now_s = time.monotonic()
    if os.getpid() not in _appending:
        _start()
    with _lock:
        _noted.extend((now_s, now_s - emitted_s))


def count(folder: Path) -> int:
    """Count what all processes have noted in the folder."""
    return sum(file.stat().st_size for file in folder.iterdir()) // _ENTRY_BYTES


def wait_for(folder: Path, expected: int, *, is_alive: Callable[[], bool]) -> None:
    """Wait until so many events were handled.

    Raises:
        SystemExit: that took too long, or those who handle are not alive.
    """
    until_s = time.monotonic() + DRAIN_S_MAX
    while (handled := count(folder)) < expected:
        if not is_alive():
            raise SystemExit(f"the worker ended after {handled} of {expected} events")
        if time.monotonic() > until_s:
            raise SystemExit(f"{handled} of {expected} events were handled in {DRAIN_S_MAX:g} s")
        time.sleep(LOOK_EVERY_S)


def take(folder: Path) -> tuple[float, list[float]]:
    """Answer when the last event was handled and all latencies, and forget them."""
    entries: array[float] = array("d")
    for file in folder.iterdir():
        entries.frombytes(file.read_bytes())
        os.truncate(file, 0)
    return max(entries[::2], default=0.0), entries[1::2].tolist()


def _start() -> None:
    with _lock:
        # A child of a worker inherits the list, so it holds whose thread it is.
        if os.getpid() in _appending:
            return
        _appending.append(os.getpid())
    threading.Thread(target=_append, daemon=True).start()


def _append() -> None:
    with (Path(os.environ[FOLDER]) / str(os.getpid())).open("ab", buffering=0) as file:
        while True:
            time.sleep(APPEND_EVERY_S)
            with _lock:
                data = _noted.tobytes()
                del _noted[:]
            if data:
                file.write(data)
