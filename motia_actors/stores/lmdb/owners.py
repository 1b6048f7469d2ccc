"""Who is alive: each process is a random id, and a file that it holds a POSIX lock on.

The lock dies with the process, however it dies, and is not inherited by a fork. It would also
die with any close() of the file in this process, so nobody opens our own file a second time.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterable, Iterator
from pathlib import Path


class Owners:
    """The owners' folder, and our own identity in it while it is open."""

    def __init__(self, path: Path) -> None:
        self.id = b""
        self._path = path
        self._file = -1

    def open(self) -> None:
        """Become somebody new."""
        self._path.mkdir(parents=True, exist_ok=True)
        self.id = os.urandom(8)
        # Locked before it has its name: whoever sees the file sees it locked.
        unnamed = self._path / f".{self.id.hex()}"
        self._file = os.open(unnamed, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        unnamed.rename(self._path / self.id.hex())

    def close(self) -> None:
        """Be nobody again."""
        if self._file >= 0:
            (self._path / self.id.hex()).unlink(missing_ok=True)
            os.close(self._file)
            self._file = -1

    @contextlib.contextmanager
    def dead(self, holders: Iterable[bytes]) -> Iterator[list[bytes]]:
        """List those that hold something or left a file, and are dead.

        While the block runs nobody else finds them; their files are gone after it.
        """
        named = {bytes.fromhex(f.name) for f in self._path.iterdir() if len(f.name) == 16}
        with contextlib.ExitStack() as stack:
            yield [
                owner
                for owner in sorted({*holders, *named} - {self.id})
                if self._is_dead(owner, stack)
            ]

    def _is_dead(self, owner: bytes, stack: contextlib.ExitStack) -> bool:
        path = self._path / owner.hex()
        try:
            file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return True
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(file)
            return False
        stack.callback(os.close, file)
        stack.callback(path.unlink, missing_ok=True)
        return True
