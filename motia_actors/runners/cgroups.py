"""Groups of processes that the kernel holds to limits: cgroups v2, where this process may make any.

A group can be made below our own where the controllers are handed on, as systemd does with
`Delegate=yes`, or beside it, as with `DelegateSubgroup=`. Elsewhere nothing is made, and whoever
asked says so.

Source: Linux Documentation/admin-guide/cgroup-v2.rst.
"""

from __future__ import annotations

import itertools
import logging
import os
from collections.abc import Mapping
from pathlib import Path

logger = logging.getLogger("motia_actors")

ROOT = Path("/sys/fs/cgroup")
PERIOD_US = 100_000
_numbers = itertools.count(1)


class Cgroup:
    """One group, for one process and what it starts."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, pid: int) -> bool:
        """Move a process in; False where that is refused."""
        return _write(self._folder / "cgroup.procs", str(pid))

    def remove(self) -> None:
        """Give it up, once its process is gone; one that a grandchild lives in stays."""
        try:
            self._folder.rmdir()
        except OSError as error:
            logger.debug("cgroup %s stays: %s", self._folder, error)


def make_cgroup(
    *, ram_bytes: int | None, cpu: float | None, root: Path = ROOT, own: str | None = None
) -> Cgroup | None:
    """Make a group with these limits; None where it cannot be, or cannot have them.

    Args:
        ram_bytes: Of memory, without swap; None: any.
        cpu: In cores; None: any.
        root: Where cgroups v2 are mounted.
        own: This process's group, as a path below root; None: as the kernel says.
    """
    own = _own() if own is None else own
    if own is None or not (root / "cgroup.controllers").is_file():
        return None
    limits: dict[str, str] = {}
    if ram_bytes is not None:
        limits["memory.max"] = str(ram_bytes)
    if cpu is not None:
        limits["cpu.max"] = f"{max(1000, round(cpu * PERIOD_US))} {PERIOD_US}"
    here = root / own.lstrip("/")
    for base in (here, here.parent):
        if base.is_relative_to(root) and _hands_on(base, limits):
            folder = base / f"motia-{os.getpid()}-{next(_numbers)}"
            if _made(folder, limits):
                return Cgroup(folder)
    return None


def _hands_on(base: Path, limits: Mapping[str, str]) -> bool:
    """Whether groups below base can have the controllers of these limits."""
    needed = {name.partition(".")[0] for name in limits}
    control = base / "cgroup.subtree_control"
    missing = needed - _words(control)
    return not missing or (
        _write(control, " ".join(f"+{name}" for name in sorted(missing)))
        and needed <= _words(control)
    )


def _made(folder: Path, limits: Mapping[str, str]) -> bool:
    try:
        folder.mkdir()
    except OSError:
        return False
    if all(_write(folder / name, value) for name, value in limits.items()):
        # Else the kernel would swap in place of refusing; not every machine has swap.
        if "memory.max" in limits:
            _write(folder / "memory.swap.max", "0")
        return True
    Cgroup(folder).remove()
    return False


def _own() -> str | None:
    try:
        lines = Path("/proc/self/cgroup").read_text("utf-8").splitlines()
    except OSError:
        return None
    return next((line[3:] for line in lines if line.startswith("0::")), None)


def _words(file: Path) -> set[str]:
    try:
        return set(file.read_text("utf-8").split())
    except OSError:
        return set()


def _write(file: Path, text: str) -> bool:
    # Never made: a file that is not there is a controller that is not there.
    try:
        descriptor = os.open(file, os.O_WRONLY)
    except OSError:
        return False
    try:
        os.write(descriptor, text.encode())
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True
