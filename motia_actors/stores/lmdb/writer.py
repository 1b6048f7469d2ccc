"""The writer: takes what queued up while the last commit ran, and commits it as one.

Whoever waits for a commit, with nobody else about, does it on his own thread: that spares two
changes of threads. Otherwise the writer's own thread does it. What was released together by one
commit tends to come back together, so the next one waits for as many as the last had, no longer
than a commit takes. What nobody waits for, acknowledgements, goes along with the next commit.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence

import lmdb

from motia_actors.clock import Clock
from motia_actors.errors import (
    ConflictError,
    InvalidInputError,
    LeaseLostError,
    MotiaError,
    PayloadTooLargeError,
    QueueFullError,
    StoreClosedError,
    StoreError,
    StoreFullError,
    UsageError,
)
from motia_actors.messages import Delivery, Taker, Wake
from motia_actors.promise import Promise
from motia_actors.store import Release
from motia_actors.stores.lmdb import logged
from motia_actors.stores.lmdb.batch import Batch, End
from motia_actors.stores.lmdb.env import Environment
from motia_actors.stores.lmdb.events import prepare_settle
from motia_actors.stores.lmdb.express import Express
from motia_actors.stores.lmdb.taker import Taking
from motia_actors.stores.lmdb.transaction import Transaction
from motia_actors.stores.lmdb.work import Operation, Work
from motia_actors.threads import Signal, allocate_lock

PATIENCE_S = 0.002
"""So long an acknowledgement waits for another commit to go along with."""
_CROWD = 3
"""From so many on, those who were released together are waited for."""
_COMMIT_BATCHES_MAX = 256
_COMMIT_BYTES_MAX = 4 * 2**20
# With this much room the next commits of all processes together cannot fill it.
_ROOM_BYTES_MANY = 2**30
_ROOM_COMMITS = 16
_ROOM_BYTES_EXPRESS = 64 * 2**20
# One batch cannot be done, and what else is in its commit can.
_REFUSALS = (QueueFullError, InvalidInputError, PayloadTooLargeError, UsageError)


_Done = list[tuple[Batch, list[object]]]


class Writer:
    """A bounded queue of batches, and the one who empties it."""

    def __init__(
        self,
        env: Environment,
        clock: Clock,
        *,
        waiting_bytes_max: int,
        tell: Callable[[Wake], None],
        taker: Callable[[], Taker | None],
        express: Express,
    ) -> None:
        self.commits = 0
        self.batches = 0
        self.waiting_bytes = 0
        self.owner = b""
        self._env = env
        self._clock = clock
        self._waiting_bytes_max = waiting_bytes_max
        self._tell, self._taker, self._express = tell, taker, express
        self._waiting: deque[Batch] = deque()
        self._ending: deque[End] = deque()
        self._room_known_bytes = 0
        self._queue_lock = allocate_lock()
        self._commit_lock = allocate_lock()
        self._signal = Signal()
        self._is_idle = self._is_hurried = False
        self._urgent, self._wanted = 0, 1
        self._commit_s = self._committed_s = 0.0
        self._fault: BaseException | None = None
        self._refusal: StoreError | None = StoreClosedError("the store is not open")

    @property
    def waiting(self) -> int:
        """How many batches and ends wait."""
        return len(self._waiting) + len(self._ending)

    def open(self, owner: bytes) -> None:
        """Take batches from now on."""
        self.owner = owner
        self._refusal = None

    def put(self, batch: Batch) -> None:
        """Queue a batch, or break its promise where the queue is full or closed."""
        with self._queue_lock:
            refusal = self._refusal
            waiting_bytes = self.waiting_bytes + batch.size_bytes
            if refusal is None and waiting_bytes > self._waiting_bytes_max and batch.size_bytes:
                refusal = self._too_much(waiting_bytes)
            if refusal is None:
                self.waiting_bytes = waiting_bytes
                self._waiting.append(batch)
                self._urgent += not batch.is_patient
        if refusal is not None:
            if batch.offer is not None:
                self._express.give_up(batch.offer)
            batch.promise.set_error(refusal)
        elif self._is_idle:
            self._signal.set()

    def put_end(self, end: End) -> None:
        """Queue the end of a delivery without a row, or break its promise where this is closed."""
        self._ending.append(end)
        # Added before the look: who closes after it finds it.
        if (refusal := self._refusal) is not None:
            with self._queue_lock:
                # It alone: those before it were accepted. Where it is gone it is on its way.
                if is_ours := end in self._ending:
                    self._ending.remove(end)
            self._break([end] if is_ours else [], refusal)
        elif self._is_idle:
            self._signal.set()

    def hurry(self) -> None:
        """Have what waits committed soon: somebody waits for it."""
        self._is_hurried = True
        if self._is_idle or self._urgent >= self._wanted:
            self._signal.set()

    def help(self) -> None:
        """Commit what waits on this thread, unless others are at it or about."""
        if self._wanted > 1 or not self._commit_lock.acquire(blocking=False):
            self.hurry()
            return
        try:
            batches, ends = self._take()
            if batches or ends:
                self._commit(batches, ends)
        except BaseException as error:  # noqa: BLE001 (the writer's to fail with, not the helper's)
            self._fault = error
        finally:
            self._commit_lock.release()
        if self._urgent or self._fault is not None:
            self.hurry()

    def commit_waiting(self, *, wait_s: float) -> int:
        """Commit what waits as one; wait up to wait_s where nothing does.

        Raises:
            StoreClosedError: the store was closed.
            StoreError: the environment failed; it must be opened anew.
        """
        self._await(wait_s)
        if self._fault is not None:
            fault, self._fault = self._fault, None
            raise fault
        with self._commit_lock:
            batches, ends = self._take()
            if batches or ends:
                self._commit(batches, ends)
            elif self._refusal is not None:
                raise self._refusal
        return len(batches) + len(ends)

    def _await(self, wait_s: float) -> None:
        """Wait until something is to be committed, and for company where it is worth it."""
        if not self.waiting and self._refusal is None:
            self._is_idle = True
            # Said before the look: whoever puts something after it sees that nobody is awake.
            if not self.waiting and not self._signal.wait(wait_s):
                self._wanted = 1
            self._is_idle = False
        if self._refusal is not None:
            return
        if not self._is_hurried:
            # Whoever helps takes what waits along meanwhile, and what came since then has time.
            rest_s = PATIENCE_S
            for _ in range(1 + int(wait_s / PATIENCE_S)):
                if rest_s <= 0 or self._signal.wait(rest_s):
                    break
                rest_s = self._committed_s + PATIENCE_S - time.monotonic()
        elif self._waiting and self._urgent < self._wanted:
            self._signal.wait(self._commit_s)

    def run(self, operation: Operation) -> object:
        """Do one operation in a commit of its own, on the calling thread."""
        with self._commit_lock:
            if self._refusal is not None:
                raise self._refusal
            promise: Promise[list[object]] = Promise()
            self._commit([Batch([operation], 0, promise)], [])
        return promise.result()[0]

    def close(self) -> None:
        """Refuse what comes, commit what waits."""
        with self._queue_lock:
            if self._refusal is None:
                self._refusal = StoreClosedError("the store is closed")
        self._signal.set()
        with self._commit_lock:
            while self.waiting:
                self._commit(*self._take())
            self._express.close()

    def _too_much(self, waiting_bytes: int) -> StoreFullError:
        return StoreFullError(
            f"{waiting_bytes} bytes wait for the disk, over the limit of "
            f"{self._waiting_bytes_max}; try again in {StoreFullError.retry_after_s:g} s"
        )

    def _take(self) -> tuple[list[Batch], list[End]]:
        batches: list[Batch] = []
        size_bytes = 0
        with self._queue_lock:
            while self._waiting and len(batches) < _COMMIT_BATCHES_MAX:
                size_bytes += self._waiting[0].size_bytes
                if batches and size_bytes > _COMMIT_BYTES_MAX:
                    break
                batches.append(self._waiting.popleft())
                self.waiting_bytes -= batches[-1].size_bytes
                self._urgent -= not batches[-1].is_patient
            self._is_hurried = self._urgent > 0
            return batches, self._take_ends()

    def _take_ends(self) -> list[End]:
        """Those that wait; the lock is held, since only adding one needs none."""
        ends: list[End] = []
        for _ in range(len(self._ending)):
            ends.append(self._ending.popleft())  # noqa: PERF401 (a call less)
        return ends

    def _commit(self, batches: list[Batch], ends: list[End]) -> None:
        """Keep batches and ends: in the log what needs no row, the others as one commit."""
        begun_s = time.monotonic()
        try:
            rest, lost = self._express.keep(batches, ends)
            if rest:
                self._commit_rows(rest)
        except lmdb.Error as error:
            failure = StoreError(f"the store in {self._env.path} failed: {error}")
            self._refuse(failure)
            self._break([*batches, *ends], failure)
            raise failure from error
        except BaseException as error:
            # A fault of ours in one operation; whoever waits must not wait for ever.
            self._break([*batches, *ends], StoreError(f"the commit failed: {error!r}"))
            raise
        for delivery in lost:
            release = prepare_settle(Release(delivery=delivery))
            self.put(Batch([release], 0, Promise(), is_patient=True, ends=(delivery,)))
        self._committed_s = time.monotonic()
        self._commit_s += (self._committed_s - begun_s - self._commit_s) / 8
        urgent = 0
        for batch in batches:
            urgent += not batch.is_patient
        self._wanted = urgent if urgent >= _CROWD else 1
        self.commits += 1

    def _commit_rows(self, batches: list[Batch]) -> None:
        """Commit batches as one, or each alone where one of them cannot be done."""
        try:
            self._commit_as_one(batches)
        except (LeaseLostError, ConflictError, StoreFullError) as error:
            # Rare, so nothing is paid for it beforehand, and each alone is plainly right.
            if len(batches) == 1:
                batches[0].promise.set_error(error)
            else:
                for batch in batches:
                    self._commit_rows([batch])

    def _commit_as_one(self, batches: list[Batch]) -> None:
        done: _Done = []
        refused: list[tuple[Batch, MotiaError]] = []
        ends: dict[int, Delivery] = {}
        with self._taking() as taking, self._env.write() as txn:
            now_s = self._clock.now_s()
            work = Work(txn, self._env.tables, now_s=now_s, owner=self.owner, taker=self._taker())
            taking.append(work.taking)
            room_bytes = self._room_bytes(txn)
            for batch in batches:
                reserve_bytes = self._env.reserve_bytes if batch.may_use_reserve else 0
                if batch.size_bytes > max(0, room_bytes + reserve_bytes):
                    refused.append((batch, self._full(batch)))
                    continue
                if batch.ends and (ended := self._express.ended(batch.ends, ends)) is not None:
                    refused.append((batch, LeaseLostError(ended.id)))
                    continue
                try:
                    if batch.may_refuse:
                        answers = self._do_or_undo(work, batch)
                    else:
                        answers = [operation(work) for operation in batch.operations]
                except _REFUSALS as error:
                    refused.append((batch, error))
                    continue
                room_bytes -= batch.size_bytes
                done.append((batch, answers))
                ends.update((logged.number_of(one), one) for one in batch.ends)
            self._express.end_within(work, ends)
            work.finish()
        self.batches += len(done)
        self._express.end(ends.values())
        # First of all: who emits next after one of these is to find that something waits.
        self._tell(work.wake())
        for batch, answers in done:
            batch.promise.set(answers)
        for batch, refusal in refused:
            batch.promise.set_error(refusal)
        work.taking.hand_over()

    @contextlib.contextmanager
    def _taking(self) -> Iterator[list[Taking]]:
        """Give up what was reserved where the block raises."""
        takings: list[Taking] = []
        try:
            yield takings
        except BaseException:
            for taking in takings:
                taking.give_up()
            raise

    def _do_or_undo(self, work: Work, batch: Batch) -> list[object]:
        """Do a batch; where a queue is full, undo what was done of it and of no other.

        Full queues come in floods: a commit of its own for each batch that came along would slow
        the writer down just then.
        """
        whole, steps, streams = work.txn, set(work.steps), set(work.streams)
        counts, taken = dict(work.counts), len(work.taking.reserved)
        try:
            with self._env.part(whole) as work.txn:
                return [operation(work) for operation in batch.operations]
        except _REFUSALS:
            work.steps, work.streams, work.counts = steps, streams, counts
            work.taking.give_up(taken)
            raise
        finally:
            work.txn = whole

    def _room_bytes(self, txn: Transaction) -> int:
        """Bytes that may still be added; counted anew only now and then while there are many."""
        if self._room_known_bytes < _ROOM_BYTES_MANY or self.commits % _ROOM_COMMITS == 0:
            self._room_known_bytes = self._env.bytes_max - self._env.bytes_used(txn)
            self._express.has_room = self._room_known_bytes >= _ROOM_BYTES_EXPRESS
        return self._room_known_bytes

    def _full(self, batch: Batch) -> StoreFullError:
        return StoreFullError(
            f"the store in {self._env.path} has no room for {batch.size_bytes} bytes more below "
            f"its limit of {self._env.bytes_max}; delete something or raise the limit"
        )

    def _refuse(self, failure: StoreError) -> None:
        """Break what waits and all that will come: the environment is not to be trusted."""
        with self._queue_lock:
            self._refusal = failure
            waiting = list(self._waiting)
            ends = self._take_ends()
            self._waiting.clear()
            self._urgent = 0
            self.waiting_bytes = 0
        for batch in waiting:
            if batch.offer is not None:
                self._express.give_up(batch.offer)
        self._break([*waiting, *ends], failure)

    def _break(self, waiting: Sequence[Batch | End], failure: StoreError) -> None:
        for one in waiting:
            one.promise.set_error(failure)
