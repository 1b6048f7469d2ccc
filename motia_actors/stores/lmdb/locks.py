"""Locks that die with their process: POSIX locks on files beside the environment."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from motia_actors.errors import StoreClosedError
from motia_actors.store import Locks
from motia_actors.stores.lmdb import keys
from motia_actors.threads import allocate_lock


class FileLocks(Locks):
    """Locks by name, held for the process: any of its threads may let go of them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._pid = 0
        self._files: dict[str, int] = {}
        self._guard = allocate_lock()

    def open(self) -> None:
        """Make the folder."""
        self._path.mkdir(parents=True, exist_ok=True)
        self._pid = os.getpid()

    def try_hold(self, name: str) -> bool:
        """Take the lock, or keep it; False where another process has it."""
        with self._guard:
            if self._pid != os.getpid():
                raise StoreClosedError(f"the store of {self._path} is not open in this process")
            # One file a name: a second open and close here would drop our own lock.
            if name in self._files:
                return True
            flags = os.O_CREAT | os.O_RDWR | os.O_CLOEXEC
            file = os.open(self._path / keys.name16(name).hex(), flags, 0o600)
            try:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(file)
                return False
            self._files[name] = file
            return True

    def release(self, name: str) -> None:
        """Let go of it; nothing happens where it is not held."""
        with self._guard:
            file = self._files.pop(name, -1)
            # The file stays: a lock on a file that was unlinked would shut nobody out.
            if file >= 0:
                os.close(file)

    def close(self) -> None:
        """Let go of all."""
        for name in list(self._files):
            self.release(name)
        self._pid = 0
