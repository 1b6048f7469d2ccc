"""A folder of its own for each process of a host: the first one that nobody holds.

w0, w1, … each with `held` (a lock that dies with its process), `outbox/` and `replica/`. A
replica is not flushed, so one that a machine's crash may have torn is thrown away: `boot` says
during which run of the machine it was written.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path

from motia_actors.errors import StoreError

_SLOTS_MAX = 256
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Slot:
    """One of the folders, held by this process until `release`."""

    def __init__(self, path: Path, file: int) -> None:
        self.path = path
        self._file = file

    def renew_replica(self) -> None:
        """Throw the replica away where the machine was started anew since it was written."""
        boot, now = self.path / "boot", _BOOT_ID.read_text() if _BOOT_ID.exists() else ""
        before = boot.read_text() if boot.is_file() else None
        if before != now or not now:
            shutil.rmtree(self.path / "replica", ignore_errors=True)
            boot.write_text(now)

    def release(self) -> None:
        """Let go of it."""
        file, self._file = self._file, -1
        if file >= 0:
            os.close(file)


def take(base: Path) -> Slot:
    """Hold the first free slot.

    Raises:
        StoreError: all are held, or the folder cannot be written.
    """
    for number in range(_SLOTS_MAX):
        slot = hold(base / f"w{number}")
        if slot is not None:
            return slot
    raise StoreError(f"{_SLOTS_MAX} processes hold all of {base}")


def hold(path: Path) -> Slot | None:
    """Hold this slot, or answer None where another process does."""
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        # flock: it belongs to the open file, so two stores of one process shut each other out.
        file = os.open(path / "held", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreError(f"cannot use {path}: {error}") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        return None
    return Slot(path, file)


def others(base: Path, mine: Path) -> list[Path]:
    """The slots that are there, but ours."""
    return [path for path in sorted(base.glob("w[0-9]*")) if path != mine and path.is_dir()]
