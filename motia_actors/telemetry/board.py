"""Where the workers of one data folder tell each other their figures: a file for each of them.

A worker writes its own and reads the others'. Each holds a lock of flock's kind as long as it
lives, so whoever finds one free knows that its worker is gone, and adds what that one had counted
to the file of the dead: what was counted stays counted.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from motia_actors.telemetry.measures import Samples, add

_GONE = "gone.json"
_decoder = msgspec.json.Decoder(Samples)


class Board:
    """The figures of all workers.

    Args:
        folder: Made when first needed; None: there are no others.
        collect: Makes this process' own figures as they are now.
    """

    def __init__(self, folder: Path | None, collect: Callable[[], Samples]) -> None:
        self._folder, self._collect = folder, collect
        self._lock = -1
        self._name = ""
        self._written = b""

    def publish(self) -> None:
        """Write this process' figures for the others to read. One thread calls it.

        Raises:
            OSError: they cannot be written.
        """
        if self._folder is None:
            return
        if self._lock < 0:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._name = f"{os.getpid()}-{os.urandom(4).hex()}"
            # Under the guard, so that nobody finds the lock made and not yet taken.
            with self._counting():
                # Not in `all` alone: where nobody asks, the files of the killed would stay.
                self._bury()
                path = self._folder / f"{self._name}.lock"
                self._lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
                fcntl.flock(self._lock, fcntl.LOCK_EX)
        data = msgspec.json.encode(self._collect())
        if data != self._written:
            _replace(self._folder / f"{self._name}.json", data)
            self._written = data

    def all(self) -> Samples:
        """The sum over this process as it is now, the others as they last told, and the dead.

        Raises:
            OSError: the folder cannot be read.
        """
        total = Samples()
        add(total, self._collect())
        if self._folder is None or not self._folder.is_dir():
            return total
        with self._counting():
            self._bury()
            add(total, _read(self._folder / _GONE), is_alive=False)
            for path in self._folder.glob("*.json"):
                if path.stem != self._name and path.name != _GONE:
                    add(total, _read(path))
        return total

    def close(self) -> None:
        """Let the others count this process among the dead."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock, self._written = -1, b""

    @contextlib.contextmanager
    def _counting(self) -> Iterator[None]:
        """Have one process at a time bury the dead."""
        assert self._folder is not None
        guard = os.open(self._folder / "guard", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(guard, fcntl.LOCK_EX)
            yield
        finally:
            os.close(guard)

    def _bury(self) -> None:
        assert self._folder is not None
        gone = self._folder / _GONE
        for path in self._folder.glob("*.lock"):
            if path.stem == self._name or not _is_free(path):
                continue
            figures = path.with_suffix(".json")
            total = _read(gone)
            add(total, _read(figures), is_alive=False)
            # Gone first: what dies between the two is counted twice at worst, and not lost.
            _replace(gone, msgspec.json.encode(total))
            for one in (figures, _new(figures), path):
                one.unlink(missing_ok=True)


def _is_free(path: Path) -> bool:
    try:
        lock = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(lock)
    return True


def _read(path: Path) -> Samples:
    try:
        return _decoder.decode(path.read_bytes())
    except (FileNotFoundError, msgspec.MsgspecError):
        return Samples()  # Nothing told yet, or by another version.


def _replace(path: Path, data: bytes) -> None:
    # A file has one writer at a time: its worker, or who holds the guard.
    new = _new(path)
    new.write_bytes(data)
    new.replace(path)


def _new(path: Path) -> Path:
    return path.with_suffix(".new")
