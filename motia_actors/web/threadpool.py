"""The threads that answer requests: woken only when one sleeps, replaced when one is stuck."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from motia_actors.threads import Lock, NativeThread, allocate_lock

Job = Callable[[], bool]
"""Does one piece of work; answers False where its thread has been replaced meanwhile."""


class ThreadPool:
    """Runs jobs in the order they came.

    One thread gives them, any number may `replace`.

    Args:
        size: How many threads; they start as they are needed.
        waiting_max: How many jobs may wait for one.
    """

    def __init__(self, size: int, *, waiting_max: int) -> None:
        self._size, self._waiting_max = size, waiting_max
        self._count = 0
        # Taking from a deque and adding to it are single steps that need no lock.
        self._jobs: deque[Job | None] = deque()
        self._asleep: deque[Lock] = deque()

    def give_nowait(self, job: Job) -> bool:
        """Let a thread do job; False where too many wait already."""
        if len(self._jobs) >= self._waiting_max and not self._asleep:
            return False
        self._jobs.append(job)
        try:
            # The last to fall asleep: its memory is the warmest.
            self._asleep.pop().release()
        except IndexError:
            if self._count < self._size:
                self._start()
        return True

    def replace(self) -> None:
        """A thread is stuck: let another take its place."""
        self._start()

    def stop(self) -> None:
        """Let the threads end as they become free."""
        for _ in range(self._count):
            self._jobs.append(None)
        while self._asleep:
            self._asleep.pop().release()

    def _start(self) -> None:
        self._count += 1
        NativeThread(self._work, name=f"request-{self._count}").start()

    def _work(self) -> None:
        wake = allocate_lock()
        wake.acquire()
        while True:
            try:
                job = self._jobs.popleft()
            except IndexError:
                self._asleep.append(wake)
                # Said before the next look: whoever gives a job after it sees that we sleep.
                if self._jobs:
                    try:
                        self._asleep.remove(wake)
                    except ValueError:  # Woken meanwhile.
                        wake.acquire()
                else:
                    wake.acquire()
                continue
            if job is None or not job():
                return
