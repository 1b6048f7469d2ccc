"""Who uses a data folder: each process shares its lock, and who replaces files holds it alone."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from motia_actors.errors import StoreError

_NAME = "in_use"
"""Among the locks by name, which are hexadecimal."""


class FolderLock:
    """A lock of flock's kind: it belongs to the open file, so it dies with its process.

    Not a POSIX lock, which a second store of the same process would take away by its mere close.
    A process forked from one that holds it keeps it too, which errs on the safe side.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = -1

    def share(self) -> None:
        """Say that the folder is in use until `release`.

        Raises:
            StoreError: its files are being replaced just now.
        """
        self._take(
            fcntl.LOCK_SH,
            f"the store in {self._path} is being compacted or imported into; try again",
        )

    def hold(self) -> None:
        """Keep everybody else out until `release`.

        Raises:
            StoreError: living processes use it.
        """
        self._take(
            fcntl.LOCK_EX,
            f"the store in {self._path} is in use by {_people(self._path)}; stop it first",
        )

    def release(self) -> None:
        """Let go of it; nothing happens where it is not held."""
        file, self._file = self._file, -1
        if file >= 0:
            os.close(file)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Hold it for a block."""
        self.hold()
        try:
            yield
        finally:
            self.release()

    def _take(self, kind: int, refusal: str) -> None:
        flags = os.O_CREAT | os.O_RDWR | os.O_CLOEXEC
        locks = self._path / "locks"
        locks.mkdir(parents=True, exist_ok=True)
        file = os.open(locks / _NAME, flags, 0o600)
        try:
            fcntl.flock(file, kind | fcntl.LOCK_NB)
        except OSError as error:
            os.close(file)
            raise StoreError(refusal) from error
        self._file = file


def living(path: Path) -> int:
    """Count the processes that have the folder open.

    Not for a process that has it open itself: its own lock would be lost.
    """
    owners = path / "owners"
    names = sorted(owners.iterdir()) if owners.is_dir() else []
    return sum(_is_locked(name) for name in names if len(name.name) == 16)


def _is_locked(path: Path) -> bool:
    try:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(file)
    return False


def _people(path: Path) -> str:
    count = living(path)
    return f"{count} process{'es' * (count != 1)}" if count else "another process"
