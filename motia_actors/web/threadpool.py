"""The threads that answer requests: as few awake as keep up, replaced when one is stuck.

Most requests take a fraction of a millisecond, and threads that run at the same time only wait
for each other. So while one is awake, another is woken only for what it has not taken soon.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable

from motia_actors.threads import Lock, NativeThread, allocate_lock

logger = logging.getLogger(__name__)

Job = Callable[[], bool]
"""Does one piece of work; answers False where its thread has been replaced meanwhile."""


class ThreadPool:
    """Runs jobs in the order they came.

    One thread gives them, any number may `replace`.

    Args:
        size: How many threads; they start as they are needed.
        waiting_max: How many jobs may wait for one.
        later: Calls back soon, on the thread that gives the jobs.
    """

    def __init__(
        self, size: int, *, waiting_max: int, later: Callable[[Callable[[], None]], object]
    ) -> None:
        self._later, self._is_looking = later, False
        self._size, self._waiting_max = size, waiting_max
        self._count = 0
        """Threads that take jobs; one that has been replaced is none of them."""
        self._counting = allocate_lock()
        # Taking from a deque and adding to it are single steps that need no lock.
        self._jobs: deque[Job | None] = deque()
        self._asleep: deque[Lock] = deque()

    def give_nowait(self, job: Job) -> bool:
        """Let a thread do job; False where too many wait already, or no thread can be had."""
        is_full = self._count >= self._size and not self._asleep
        if is_full and len(self._jobs) >= self._waiting_max:
            return False
        self._jobs.append(job)
        if len(self._asleep) >= self._count:
            self._wake()
            if not self._count:
                self._jobs.pop()  # Nobody is there to have taken it.
                return False
        elif not self._is_looking:
            self._is_looking = True
            self._later(self._look)
        return True

    def _look(self) -> None:
        self._is_looking = False
        for _ in range(len(self._jobs)):
            if not self._wake():
                return

    def _wake(self) -> bool:
        try:
            # The last to fall asleep: its memory is the warmest.
            self._asleep.pop().release()
        except IndexError:
            return self._count < self._size and self._start()
        return True

    def replace(self) -> None:
        """A thread is stuck: let another take its place."""
        with self._counting:
            self._count -= 1
        self._start()

    def stop(self) -> None:
        """Let the threads end as they become free."""
        for _ in range(self._count):
            self._jobs.append(None)
        while self._asleep:
            self._asleep.pop().release()

    def _start(self) -> bool:
        with self._counting:
            self._count += 1
        try:
            NativeThread(self._work, name=f"request-{self._count}").start()
        except RuntimeError as error:
            # Those that there are go on, and the next job tries again.
            with self._counting:
                self._count -= 1
            logger.warning("no thread to answer requests: %s", error)
            return False
        return True

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
