"""Threads for the synchronous parts of an asynchronous chain.

There is no upper limit on threads: a middleware waits on its thread for a handler that needs
one too, so a limit would be a deadlock. The step's concurrency times the length of its chain
is what bounds them; at most `idle_max` are kept for the next call.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from motia_actors.promise import Promise
from motia_actors.threads import NativeThread, Signal, allocate_lock

T = TypeVar("T")

IDLE_MAX = 8


class ThreadPool:
    """Runs functions on native threads. Any thread may submit."""

    def __init__(self, *, name: str = "motia-sync", idle_max: int = IDLE_MAX) -> None:
        self._name, self._idle_max = name, idle_max
        self._idle: list[_Worker] = []
        self._lock = allocate_lock()
        self._is_closed = False

    def submit(self, function: Callable[[], T]) -> Promise[T]:
        """Run function soon; the promise has what it returns or raises, BaseException too."""
        promise: Promise[T] = Promise()

        def job() -> None:
            try:
                value = function()
            except BaseException as error:  # noqa: BLE001 (boundary to user code)
                promise.set_error(error)
            else:
                promise.set(value)

        with self._lock:
            worker = self._idle.pop() if self._idle else None
        if worker is None:
            _Worker(self, job).start(self._name)
        else:
            worker.give(job)
        return promise

    def close(self) -> None:
        """Let idle threads end; busy ones end after what they do."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
        for worker in idle:
            worker.give(None)

    def _rest(self, worker: _Worker) -> bool:
        with self._lock:
            if self._is_closed or len(self._idle) >= self._idle_max:
                return False
            self._idle.append(worker)
            return True


class _Worker:
    def __init__(self, pool: ThreadPool, job: Callable[[], None]) -> None:
        self._pool = pool
        self._job: Callable[[], None] | None = job
        self._given = Signal()

    def start(self, name: str) -> None:
        NativeThread(self._run, name=name).start()

    def give(self, job: Callable[[], None] | None) -> None:
        self._job = job
        self._given.set()

    def _run(self) -> None:
        while (job := self._job) is not None:
            self._job = None
            job()
            del job  # An idle thread must not keep a request alive.
            if not self._pool._rest(self):  # noqa: SLF001 (the other half of the pool)
                return
            self._given.wait()
