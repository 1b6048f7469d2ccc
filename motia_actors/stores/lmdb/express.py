"""Events that are taken as they are put, and done in a moment: they never become rows in LMDB.

Such an event is on disk once it is appended to the log of this process, and its end is appended
with what comes next. One flush takes the place of LMDB's two, and nothing has to be looked for,
leased and deleted. What this way takes in is bounded: only what a step of this process has a run
free for, and is quick, while nothing of the step waits.

Whatever else becomes of such a delivery makes it a row, in the commit that needs it: a retry, its
burial, and `Extend` for one that is not done soon. What a process that died had in its log is put
again by whoever frees what it held.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from itertools import count
from pathlib import Path

import msgspec

from motia_actors.clock import Clock
from motia_actors.errors import LeaseLostError
from motia_actors.messages import Delivery, Taker
from motia_actors.store import EventPut
from motia_actors.stores.lmdb import logged, wal
from motia_actors.stores.lmdb.batch import Batch, End
from motia_actors.stores.lmdb.logged import Ended, Put, deliveries_of, number_of
from motia_actors.stores.lmdb.taker import BYTES_MAX
from motia_actors.stores.lmdb.wal import Wal
from motia_actors.stores.lmdb.work import Work

logger = logging.getLogger(__name__)

WAL_FOLDER = "wal"
HOLD_S = 0.25
"""What is not done after so long is made a row, so that the log can go on."""

_STEPS_MAX = 1024
"""Of one event: so far are the numbers of two events apart."""
_ENDED: list[object] = [None]
_NONE = (0, "")


class Offer(msgspec.Struct, frozen=True):
    """An event that was accepted, to be appended."""

    put: Put
    record: bytes
    deliveries: list[Delivery]
    taker: Taker


class Express:
    """The express way of one process. `append` and `end` are the writer's, one at a time.

    Args:
        clock: What time an event was put.
        folder: Where the logs of all processes are.
        is_synced: Whether an append waits for the disk.
        taker: Who takes deliveries, if somebody does.
        bytes_max: Of one event's data; more goes the usual way, or is refused there.
    """

    def __init__(
        self,
        clock: Clock,
        folder: Path,
        *,
        is_synced: bool,
        taker: Callable[[], Taker | None],
        bytes_max: int = BYTES_MAX,
    ) -> None:
        self.has_room = False
        """Whether LMDB has room for what may become rows; the writer says so."""
        self._clock, self._folder, self._taker = clock, folder, taker
        self._bytes_max = min(bytes_max, BYTES_MAX)
        self._log, self._others = Wal(folder, is_synced=is_synced), logged.Others(folder)
        self._numbers = count(_STEPS_MAX, _STEPS_MAX)
        self._live: dict[int, tuple[int, str]] = {}
        """Of each delivery that has not ended: the epoch of its record, and its step."""
        self._live_in: dict[int, int] = {}
        self._unlogged: set[int] = set()
        """Deliveries whose end is not in the log, which had no room for it or failed."""
        self._owner = b""
        self._is_usable = False

    def open(self, owner: bytes) -> None:
        """Take events from now on."""
        self._log.open(owner)
        self._owner = owner
        self._live, self._live_in, self._unlogged = {}, {}, set()
        self._is_usable = True

    def offer(self, write: EventPut) -> Offer | None:
        """Accept an event whose deliveries may go this way: reserves their runs. Any thread."""
        taker = self._taker()
        if taker is None or not (self._is_usable and self.has_room):
            return None
        if len(write.event.data) > self._bytes_max or not (steps := _plain_steps(write)):
            return None
        for index, step in enumerate(steps):
            if not taker.reserve_brief(step):
                _give_up(taker, steps[:index])
                return None
        put_s = self._clock.now_s()
        put = Put(next(self._numbers), time.monotonic(), put_s, steps, write.event)
        try:
            record = logged.encode(put)
        except UnicodeEncodeError:  # Half a surrogate pair, which rows can hold.
            _give_up(taker, steps)
            return None
        except BaseException:
            _give_up(taker, steps)
            raise
        return Offer(put, record, deliveries_of(put), taker)

    def keep(self, batches: list[Batch], ends: list[End]) -> tuple[list[Batch], list[Delivery]]:
        """Append what needs no row, and tell who waits for it once it is on disk.

        Answers the batches that are left for a commit, and deliveries that nobody took after all.
        """
        offers: list[Offer] = []
        records: list[bytes] = []
        rest: list[Batch] = []
        for batch in batches:
            if (offer := batch.offer) is None:
                rest.append(batch)
            else:
                offers.append(offer)
                records.append(offer.record)
        if not offers and not ends:
            return rest, []
        ended: list[int] = []
        for end in ends:
            if self._end(end.number):
                ended.append(end.number)
            else:
                end.promise.set_error(LeaseLostError(end.delivery.id))
        is_kept = self._append(offers, records, ended)
        for end in ends:  # Those that were refused stay so.
            end.promise.set(_ENDED)
        if not is_kept:
            return batches, []
        lost = self._hand_over(offers)
        # Last: who waits for one of these wants the interpreter as soon as he hears of it.
        for batch in batches:
            if batch.offer is not None:
                batch.promise.set([batch.offer.put.event.id])
        return rest, lost

    def ended(self, deliveries: Sequence[Delivery], ends: Collection[int]) -> Delivery | None:
        """The first that has ended, or whose number is among ends of the same commit, if any."""
        numbers: set[int] = set()
        for delivery in deliveries:
            number = number_of(delivery)
            if number not in self._live or number in ends or number in numbers:
                return delivery
            numbers.add(number)
        return None

    def end_within(self, work: Work, ends: Collection[int]) -> None:
        """Say in a commit which deliveries end with it: the log is to hear of it only later.

        Or never, where it failed: then what else ended is said as well.
        """
        if ends or (self._unlogged and not self._is_usable):
            logged.end_within(work, self._owner, self._unlogged.union(ends))

    def end(self, deliveries: Collection[Delivery]) -> None:
        """Take note that deliveries have ended or have rows, which are on disk."""
        if deliveries:
            self._append((), [], [one for one in map(number_of, deliveries) if self._end(one)])

    def steps(self) -> Counter[str]:
        """Count the deliveries at work without rows by their steps, of all processes."""
        counted = self._others.steps(but=self._owner)
        counted.update(step for _, step in list(self._live.values()))
        return counted

    def give_up(self, offer: Offer) -> None:
        """Keep no runs for what was accepted: it is not put after all."""
        _give_up(offer.taker, offer.put.steps)

    def close(self) -> None:
        """Take no more; what goes on is for whoever frees what dead processes held."""
        self._is_usable = False
        if self._live:
            self._log.abandon()
        else:
            self._log.close()

    # What others left.

    def owners(self) -> list[bytes]:
        """List all owners that have a log, dead or alive."""
        return wal.owners_of(self._folder)

    def left_by(self, owner: bytes) -> dict[int, Delivery]:
        """The deliveries by number in the log of an owner that does not say they ended.

        Raises:
            StoreError: it cannot be read.
        """
        return logged.left_in(wal.path_of(self._folder, owner))

    def has_log(self, owner: bytes) -> bool:
        """The log of an owner is there."""
        return wal.path_of(self._folder, owner).exists()

    def forget(self, owner: bytes) -> None:
        """Remove the log of an owner who is dead, so that no power cut brings it back."""
        self._log.remove(wal.path_of(self._folder, owner))

    def _append(self, offers: Sequence[Offer], records: list[bytes], ended: list[int]) -> bool:
        """Write records of offers, and ends, and wait for the disk; False where none are taken.

        Then their runs are given up, and the ends go along with the next append or commit: until
        then they mean no more than that the delivery is run again after a crash.
        """
        if self._unlogged:
            ended = [*self._unlogged, *ended]
        if ended:
            records.append(logged.encode(Ended(time.monotonic(), ended)))
        if records and not self._write(records):
            self._unlogged.update(ended)
            for offer in offers:
                self.give_up(offer)
                if not self._is_usable:  # It may be on disk though the write failed.
                    self._unlogged.update(map(number_of, offer.deliveries))
            return False
        if self._unlogged:
            self._unlogged.clear()
        epoch = self._log.epoch
        for offer in offers:
            for number, step in enumerate(offer.put.steps, start=offer.put.number):
                self._live[number] = epoch, step
            self._live_in[epoch] = self._live_in.get(epoch, 0) + len(offer.put.steps)
        return True

    def _hand_over(self, offers: Sequence[Offer]) -> list[Delivery]:
        lost = []
        for offer in offers:
            for delivery in offer.deliveries:
                try:
                    offer.taker.take(delivery, renew_s=HOLD_S)
                except Exception:  # It must not be lost; the writer must go on.
                    logger.exception("a delivery of %s was not taken", delivery.step)
                    lost.append(delivery)
        return lost

    def _write(self, records: Sequence[bytes]) -> bool:
        log = self._log
        if not self._is_usable:  # What was accepted before that comes here all the same.
            return False
        try:
            if log.append(records):
                return True
            following = log.epoch + 1
            if self._live_in.get(following - wal.REGIONS):
                return False  # The region that is next has something that goes on.
            log.turn()
            return log.append(records)
        except OSError as error:
            logger.error("the log of events is not used any more: %s", error)
            self._is_usable = False
            return False

    def _end(self, number: int) -> bool:
        """Forget a delivery; False where that was done before."""
        epoch, _ = self._live.pop(number, _NONE)
        if not epoch:
            return False
        left = self._live_in[epoch] - 1
        if left:
            self._live_in[epoch] = left
        else:
            del self._live_in[epoch]
        return True


def _plain_steps(write: EventPut) -> list[str]:
    """The steps of what is due now, in no order with others, and never to be found again.

    None of what is not, or has too many.
    """
    steps: list[str] = []
    if write.dedupe_key is not None or write.not_before_s is not None:
        return steps
    for target in write.targets:
        if target.delay_s or target.debounce is not None or target.depth_max is not None:
            return []
        if target.is_fifo and write.event.group_id is not None:
            return []
        steps.append(target.step)
    return steps if len(steps) <= _STEPS_MAX else []


def _give_up(taker: Taker, steps: Sequence[str]) -> None:
    for step in steps:
        taker.give_up(step)
