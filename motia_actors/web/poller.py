"""The loop that reads requests and writes answers, and that another thread can go on with.

One thread leads: it waits for sockets and calls whoever watches them. What the loop lends its
thread to, a handler that has shown to be quick, runs between two looks at the sockets, which
spares the two changes of thread that a pool costs. Should it not come back in a moment, a second
thread, which stands by, takes the lead, and the first is lost to the handler until that ends.
So everything the loop knows is in plain objects, none bound to a thread.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import logging
import os
import selectors
import time
from collections import deque
from collections.abc import Callable
from threading import get_ident
from typing import Protocol

from motia_actors.threads import NativeThread, Signal, allocate_lock

logger = logging.getLogger(__name__)

LATE_S = 0.005
"""The thread that stands by looks this often; what was lent for a whole look is late."""
QUIET_LOOKS = 200
"""It looks no more after so many looks at which nothing was lent."""
JOIN_S_MAX = 5.0

_READ, _WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE

Call = Callable[[], object]


class Job(Protocol):
    """What a thread is lent to."""

    def run(self) -> object:
        """Do it, and raise nothing; another thread may lead when it is done."""
        ...

    def finish(self) -> None:
        """Called by the leader after it."""
        ...


class _Watch:
    """Who is called for a socket."""

    __slots__ = ("reader", "writer")

    def __init__(self) -> None:
        self.reader: Call | None = None
        self.writer: Call | None = None


class Timer:
    """A call to come."""

    __slots__ = ("call",)

    def __init__(self, call: Call) -> None:
        self.call: Call | None = call

    def cancel(self) -> None:
        """Let it not come."""
        self.call = None


class Poller:
    """An event loop, as far as sockets need one; the names are those of asyncio's.

    All but `call_soon_threadsafe`, `cede` and `stop` is for what it calls.
    """

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._watches: dict[int, _Watch] = {}
        self._ready: deque[tuple[_Watch, int]] = deque()
        self._soon: deque[Call] = deque()
        self._jobs: deque[Job] = deque()
        self._timers: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()
        self._wake_out, self._wake_in = os.pipe()
        os.set_blocking(self._wake_out, False)
        os.set_blocking(self._wake_in, False)
        self._is_waiting = self._is_stopped = False
        self._claim: list[None] = []
        """Full while the leader's thread is lent; who takes out what is in it leads from then."""
        self._leader = 0
        self._is_watched = self._is_ceded = False
        self._bench = allocate_lock()
        """Held by the thread that stands by."""
        self._bell = Signal()
        self._threads: set[NativeThread] = set()
        self.add_reader(self._wake_out, self._woken)

    def start(self) -> None:
        """Run, on threads of its own."""
        self._start(is_leader=True)

    def stop(self) -> None:
        """End the threads; what waits is not called any more."""
        # One round later than what was asked for before.
        self.call_soon_threadsafe(lambda: self.call_soon(self._stop))
        until_s = time.monotonic() + JOIN_S_MAX
        if all(one.join(max(0.0, until_s - time.monotonic())) for one in list(self._threads)):
            self._selector.close()
            os.close(self._wake_out)
            os.close(self._wake_in)

    # For what it calls.

    def add_reader(self, fd: int, call: Call) -> None:
        """Have call called whenever fd can be read."""
        watch = self._watches.get(fd)
        if watch is None:
            watch = self._watches[fd] = _Watch()
        watch.reader = call
        self._select(fd, watch)

    def remove_reader(self, fd: int) -> None:
        """Have it called no more."""
        watch = self._watches.get(fd)
        if watch is not None and watch.reader is not None:
            watch.reader = None
            self._select(fd, watch)

    def add_writer(self, fd: int, call: Call) -> None:
        """Have call called whenever fd can be written."""
        watch = self._watches.get(fd)
        if watch is None:
            watch = self._watches[fd] = _Watch()
        watch.writer = call
        self._select(fd, watch)

    def remove_writer(self, fd: int) -> None:
        """Have it called no more."""
        watch = self._watches.get(fd)
        if watch is not None and watch.writer is not None:
            watch.writer = None
            self._select(fd, watch)

    def call_soon(self, call: Callable[..., object], *args: object) -> None:
        """Have call called after what is at hand."""
        self._soon.append((lambda: call(*args)) if args else call)

    def call_later(self, after_s: float, call: Call) -> Timer:
        """Have call called after so many seconds."""
        timer = Timer(call)
        heapq.heappush(self._timers, (time.monotonic() + after_s, next(self._order), timer))
        return timer

    def lend(self, job: Job) -> None:
        """Lend this thread to job, once what runs now has returned."""
        self._jobs.append(job)

    # For any thread.

    def call_soon_threadsafe(self, call: Call) -> None:
        """Have call called by the leader."""
        self._soon.append(call)
        self.wake()

    def call_in_time(self, call: Call) -> None:
        """Have call called by the leader the next time that it has something to do."""
        self._soon.append(call)

    def wake(self) -> None:
        """Have the leader look what is to be called."""
        # It says that it waits before it looks for the last time: so it finds the call, or is
        # woken.
        if self._is_waiting:
            self._is_waiting = False
            with contextlib.suppress(BlockingIOError):
                os.write(self._wake_in, b"1")

    def cede(self) -> bool:
        """Called by a job that is about to wait: let another thread lead.

        False where no thread is to be had, and nobody leads until the job is done.
        """
        claim = self._claim
        # Looked at after the claim: that of another leader, who may be lent too, is not ours.
        if self._leader != get_ident():
            return True
        try:
            claim.pop()
        except IndexError:
            return True  # One does already.
        self._is_ceded = True
        if self._rouse():
            return True
        self._is_ceded = False
        claim.append(None)
        return False

    # The threads.

    def _start(self, *, is_leader: bool = False) -> None:
        thread = NativeThread(lambda: self._run(thread, is_leader=is_leader), name="poller")
        self._threads.add(thread)
        try:
            thread.start()
        except RuntimeError:
            self._threads.discard(thread)
            raise

    def _run(self, thread: NativeThread, *, is_leader: bool) -> None:
        try:
            while is_leader or self._stand_by():
                is_leader = False
                self._lead()
        finally:
            self._threads.discard(thread)

    def _rouse(self) -> bool:
        """Have a thread stand by and look; False where there is none to be had."""
        self._is_watched = True
        if self._bench.locked():
            self._bell.set()
            return True
        try:
            self._start()
        except RuntimeError as error:
            # Of no use but to guard against a handler that hangs, and it is tried again.
            self._is_watched = False
            logger.warning("no thread to stand by: %s", error)
            return False
        return True

    def _stand_by(self) -> bool:
        """Wait until it is this thread's turn; False where it will not be."""
        if not self._bench.acquire(blocking=False):
            return False
        try:
            seen, quiet = self._claim, 0
            while not self._is_stopped:
                if self._is_ceded:
                    self._is_ceded = self._is_watched = False
                    return True
                self._bell.wait(LATE_S if self._is_watched else None)
                claim = self._claim
                if claim is not seen:
                    seen, quiet = claim, 0
                    continue
                with contextlib.suppress(IndexError):  # Nothing is lent, or it came back.
                    claim.pop()
                    # Who leads from here on has nobody behind him, and looks for one.
                    self._is_watched = False
                    return True
                quiet += 1
                if quiet >= QUIET_LOOKS:
                    quiet = 0
                    self._is_watched = False
                    # Whoever lends says so before he looks whether somebody watches.
                    self._is_watched = self._claim is not seen
            return False
        finally:
            self._bench.release()

    def _stop(self) -> None:
        self._is_stopped = True
        self._bell.set()

    # Leading.

    def _lead(self) -> None:
        """Wait and call, until the end or until another thread does so."""
        ready, soon, jobs = self._ready, self._soon, self._jobs
        self._leader = get_ident()
        while True:
            while ready:
                watch, events = ready.popleft()
                if events & _READ and watch.reader is not None:
                    _call(watch.reader)
                if events & _WRITE and watch.writer is not None:
                    _call(watch.writer)
            for _ in range(len(soon)):
                _call(soon.popleft())
            if self._timers:
                self._ring()
            if jobs and not self._do_jobs():
                return
            if self._is_stopped:
                return
            self._wait()

    def _do_jobs(self) -> bool:
        """Run what is there; False where this thread leads no more."""
        jobs = self._jobs
        for _ in range(len(jobs)):  # One may add the next: others have their turn between.
            job = jobs.popleft()
            claim = self._claim = [None]
            if not self._is_watched:
                self._rouse()
            _call(job.run)
            try:
                claim.pop()
            except IndexError:
                self.call_soon_threadsafe(job.finish)
                return False
            _call(job.finish)
        return True

    def _ring(self) -> None:
        now_s, timers = time.monotonic(), self._timers
        while timers and timers[0][0] <= now_s:
            call = heapq.heappop(timers)[2].call
            if call is not None:
                _call(call)

    def _wait(self) -> None:
        self._is_waiting = True
        if self._soon or self._jobs:
            wait_s: float | None = 0.0
        elif self._timers:
            wait_s = max(0.0, self._timers[0][0] - time.monotonic())
        else:
            wait_s = None
        self._ready.extend((key.data, events) for key, events in self._selector.select(wait_s))
        self._is_waiting = False

    def _woken(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake_out, 4096)

    def _select(self, fd: int, watch: _Watch) -> None:
        events = (_READ if watch.reader else 0) | (_WRITE if watch.writer else 0)
        if not events:
            # A socket that nobody cares for would report its end for ever.
            self._selector.unregister(fd)
            del self._watches[fd]
        elif fd in self._selector.get_map():
            self._selector.modify(fd, events, watch)
        else:
            self._selector.register(fd, events, watch)


def _call(call: Call) -> None:
    try:
        call()
    # One connection's trouble is none of the others', a SystemExit of a user's hook neither.
    except BaseException:
        logger.exception("a call of the poller failed")
