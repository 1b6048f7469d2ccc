"""A folder on a real disk, and how quick that disk is."""

from __future__ import annotations

import contextlib
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

IN_MEMORY = ("tmpfs", "ramfs")
_PAGE_BYTES = 4096
_FLUSHES = 50


@contextlib.contextmanager
def folder_on_disk(parent: Path) -> Iterator[Path]:
    """Make a folder below parent and remove it in the end.

    Raises:
        SystemExit: parent is in memory, where flushing costs nothing and would flatter all.
    """
    parent.mkdir(parents=True, exist_ok=True)
    kind = filesystem(parent)
    if kind in IN_MEMORY:
        raise SystemExit(f"{parent} is on {kind}, in memory; name a folder on a disk (--folder)")
    path = Path(tempfile.mkdtemp(prefix=".bench-", dir=parent))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def filesystem(path: Path) -> str:
    """Tell the kind of filesystem that path is on (Linux); empty where that is unknown."""
    try:
        lines = Path("/proc/self/mounts").read_text().splitlines()
    except OSError:
        return ""
    mounts = {Path(fields[1]): fields[2] for fields in map(str.split, lines)}
    resolved = path.resolve()
    return next((mounts[one] for one in (resolved, *resolved.parents) if one in mounts), "")


def flush_us(folder: Path) -> float:
    """Measure how long the disk takes to keep one page: the floor of every durable write."""
    taken_s = []
    path = folder / "flush"
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR)
    try:
        for _ in range(_FLUSHES):
            begin_s = time.perf_counter()
            os.pwrite(descriptor, bytes(_PAGE_BYTES), 0)
            os.fdatasync(descriptor)
            taken_s.append(time.perf_counter() - begin_s)
    finally:
        os.close(descriptor)
        path.unlink()
    return round(statistics.median(taken_s) * 1e6, 1)
