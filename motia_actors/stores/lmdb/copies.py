"""Copies of an environment that end at once when it is about to be closed.

LMDB cannot be told to stop copying, and what closes an environment under a copy takes the process
with it. So LMDB copies into a pipe, and a thread writes what comes out of it to the file: where it
lets go of the pipe, LMDB's next write fails, and the copy with it.
"""

from __future__ import annotations

import os
import time
from threading import TIMEOUT_MAX

import lmdb

from motia_actors.errors import StoreClosedError
from motia_actors.threads import Lock, NativeThread, allocate_lock

_PIECE_BYTES = 2**20
_write = os.write


class Copies:
    """The copies of one environment that are under way."""

    def __init__(self) -> None:
        self._guard = allocate_lock()
        self._ends: list[Lock] = []
        """Of each copy one that it lets go of at its end."""
        self._is_over = False

    def write(self, env: lmdb.Environment, file: int) -> None:
        """Write a compact copy of one moment to an open file.

        Raises:
            StoreClosedError: `stop` was called; the file is not whole.
            OSError: the file cannot be written.
            lmdb.Error: the environment cannot be read.
        """
        end = allocate_lock()
        end.acquire()
        with self._guard:
            if self._is_over:
                raise StoreClosedError("the store is about to be closed; nothing was copied")
            self._ends.append(end)
        try:
            self._write(env, file)
        finally:
            with self._guard:
                self._ends.remove(end)
            end.release()

    def stop(self, wait_s: float) -> bool:
        """End what is under way and take no more; False where a copy still runs after wait_s."""
        with self._guard:
            self._is_over = True
            ends = list(self._ends)
        until_s = time.monotonic() + wait_s
        return all(end.acquire(timeout=max(0.0, until_s - time.monotonic())) for end in ends)

    def _write(self, env: lmdb.Environment, file: int) -> None:
        source, sink = os.pipe()
        problems: list[Exception] = []

        def pass_on() -> None:
            try:
                self._pass_on(source, file)
            except (OSError, StoreClosedError) as error:
                problems.append(error)
            finally:
                os.close(source)

        thread = NativeThread(pass_on, name="motia-copy")
        thread.start()
        try:
            env.copyfd(sink, compact=True)
        except lmdb.Error as error:
            problems.append(error)
        finally:
            os.close(sink)
            thread.join(TIMEOUT_MAX)
        # What kept the file from being written comes first: LMDB says no more than that nobody
        # reads the pipe any longer.
        for problem in sorted(problems, key=lambda one: isinstance(one, lmdb.Error)):
            raise problem

    def _pass_on(self, source: int, file: int) -> None:
        while piece := os.read(source, _PIECE_BYTES):
            left = memoryview(piece)
            while left:
                if self._is_over:
                    raise StoreClosedError("the store is about to be closed; the copy is not whole")
                left = left[_write(file, left) :]
