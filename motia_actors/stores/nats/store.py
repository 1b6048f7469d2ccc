"""The NATS store: a replica to read from, a proposer to write through, a link to the cluster.

Every commit is an entry in one log, a stream of JetStream, and all processes of all hosts do
what the log says in its order. So a commit is all or none and in one order everywhere, whatever
it holds, though JetStream has no transactions over several streams.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from motia_actors.clock import Clock
from motia_actors.errors import MotiaError, StoreClosedError, StoreError, TimeLimitError
from motia_actors.promise import Promise
from motia_actors.store import (
    EventQueue,
    Journal,
    Lease,
    Locks,
    Notifier,
    State,
    Store,
    Streams,
    Trouble,
    Write,
)
from motia_actors.stores import limits
from motia_actors.stores.limits import RingLimits
from motia_actors.stores.lmdb.journal import LmdbJournal
from motia_actors.stores.lmdb.state import LmdbState
from motia_actors.stores.lmdb.streams import LmdbStreams
from motia_actors.stores.nats import entering, entries, health, slots, snapshots
from motia_actors.stores.nats.address import Address
from motia_actors.stores.nats.channel import Pending
from motia_actors.stores.nats.entries import Import, LockDrop, LockHold, OwnerDead
from motia_actors.stores.nats.link import Link
from motia_actors.stores.nats.living import DEAD_S, LogLocks, NatsEvents
from motia_actors.stores.nats.outbox import Outbox
from motia_actors.stores.nats.proposals import is_patient
from motia_actors.stores.nats.proposer import Proposer
from motia_actors.stores.nats.replica import Replica
from motia_actors.stores.nats.snapshots import Snapshots
from motia_actors.stores.notifying import LocalNotifier
from motia_actors.threads import Signal, allocate_lock

START_S_MAX = 10.0
CLOSE_S_MAX = 5.0
LOCK_S_MAX = 2.0
MESSAGE_BYTES_MAX = 512 * 1024
"""Below the 1 MiB that servers take by default."""
_TURN_S = 0.1

logger = logging.getLogger(__name__)


class NatsStore(Store):
    """A system's store, shared by processes on any number of hosts."""

    def __init__(
        self,
        address: Address,
        path: Path,
        clock: Clock,
        *,
        map_bytes_max: int = 64 * 2**30,
        value_bytes_max: int = limits.VALUE_BYTES_MAX,
        journal: RingLimits = limits.JOURNAL,
        changes: RingLimits = limits.CHANGES,
        outbox_bytes_max: int = 64 * 2**20,
        start_s_max: float = START_S_MAX,
    ) -> None:
        """Make it, still closed.

        Args:
            address: Where the cluster is.
            path: The folder of this host's processes; made where it is missing.
            clock: What tells when something is due; hosts' clocks must agree.
            map_bytes_max: Bytes of data at which growing writes are refused.
            value_bytes_max: Bytes of one value, event or record.
            journal: What is kept of each kind of record; the same on all hosts.
            changes: What is kept of stream changes; the same on all hosts.
            outbox_bytes_max: Bytes that may wait for the cluster.
            start_s_max: Seconds that `open` waits for the cluster, before it goes on without.
        """
        self.value_bytes_max = value_bytes_max
        self._address, self._path, self._clock = address, path, clock
        self._journal_limits, self._changes_limits = journal, changes
        self._map_bytes_max, self._outbox_bytes_max = map_bytes_max, outbox_bytes_max
        self._start_s_max = start_s_max
        self._pid = 0
        self._signal = Signal()
        self._turning = allocate_lock()
        self._notifier = LocalNotifier()
        self._failure: StoreError | None = StoreClosedError("the store is not open")
        # A replica that is closed, so that reads before `open` say so.
        self._use(Replica(path / "none", bytes_max=2**20, journal=journal, changes=changes))
        self.notifier: Notifier = self._notifier
        self.locks: Locks = LogLocks(self)

    def open(self) -> None:
        """Take a slot of this host, follow the log, and catch up with it.

        Where the cluster does not answer within `start_s_max`, it opens with what this host knows.

        Raises:
            UnsafeClusterError: the cluster may lose what it acknowledges.
            EntryError: a file of an nkey or of credentials cannot be used.
            StoreError: the folder cannot be used.
        """
        entering.shown(self._address)
        self._slot = slots.take(self._path)
        self._outbox = Outbox(self._slot.path / "outbox", bytes_max=4 * self._outbox_bytes_max)
        self._link = self._new_link()
        try:
            self._slot.renew_replica()
            self._open()
        except BaseException:
            self._let_go()
            raise
        self._failure, self._pid = None, os.getpid()

    def commit(
        self, writes: Sequence[Write[object]], *, may_use_reserve: bool = False
    ) -> Promise[list[object]]:
        """Have the writes proposed; the promise is kept once the log or the outbox has them."""
        if self._failure is not None or self._pid != os.getpid():
            return Promise.broken(
                self._failure or StoreClosedError("the store is not open in this process")
            )
        try:
            size_bytes = limits.check(writes, value_bytes_max=self.value_bytes_max)
        except MotiaError as error:
            return Promise.broken(error)
        if self._finds_nothing(writes):
            return Promise.of([[]])
        promise: Promise[list[object]] = Promise()
        patient = may_use_reserve or is_patient(writes)
        self._proposer.put(
            Pending(list(writes), promise, size_bytes, time.monotonic(), is_patient=patient)
        )
        self._signal.set()
        return promise

    def commit_waiting(self, *, wait_s: float) -> int:
        """Propose what waits and do what the log says, or wait up to wait_s for something.

        Raises:
            StoreClosedError: the store was closed.
            StoreError: the replica failed; the store must be opened anew.
        """
        if self._failure is None:
            self._signal.wait(min(wait_s, _TURN_S))
        with self._turning:
            if self._failure is not None:
                raise self._failure
            return self._turn()

    def statistics(self) -> dict[str, float]:
        """Commits, what waits, how far the log was read, and the replica's bytes and rows."""
        return {
            **health.figures(
                self._proposer, self._replica, outbox_bytes_max=self._outbox_bytes_max
            ),
            "snapshots": self._snapshots.made,
            "bytes_max": self._map_bytes_max,
            "value_bytes_max": self.value_bytes_max,
        }

    def troubles(self) -> Sequence[Trouble]:
        """That the cluster is away, while it is open and so it is."""
        if self._failure is not None:
            return ()
        return health.troubles(self._proposer, outbox_bytes_max=self._outbox_bytes_max)

    def close(self) -> None:
        """Propose what waits, keep in the outbox what the cluster does not take, and let go."""
        if self._pid != os.getpid():
            return
        closed = StoreClosedError("the store is closed")
        self._snapshots.stop()
        with self._turning:
            self._failure = self._failure or closed
            self._pid = 0
            try:
                self._finish(closed)
            finally:
                self._let_go()

    def import_(self, dump: bytes, *, is_merge: bool) -> dict[str, int]:
        """Take a whole dump in one commit; answers how many lines of each kind there were.

        Raises:
            StoreError: it is damaged, or the store holds something and is_merge is False.
        """
        counts: Any = self.write(Import(dump=dump, is_merge=is_merge))
        return dict(counts)

    def copy_to(self, folder: Path) -> None:
        """Write a copy of what is here to a new folder, as an LMDB data folder."""
        self._replica.copy_to(folder / "db")

    def hold(self, name: str) -> bool:
        """Take a lock; False where another has it, or the cluster is away."""
        if self._failure is not None:
            raise self._failure
        holder = self._replica.lock_holder(name)
        if self._proposer.is_away or holder not in (None, self._origin):
            return False
        try:
            (held,) = self.commit([LockHold(name=name)]).result(LOCK_S_MAX)
        except (TimeLimitError, TimeoutError):
            return False
        return bool(held)

    def drop(self, name: str) -> None:
        """Let go of a lock."""
        if self._replica.lock_holder(name) == self._origin:
            self.commit([LockDrop(name=name)])

    def free(self, owners: Sequence[bytes]) -> int:
        """Say that owners are dead, and free what they hold; answers how many deliveries."""
        if self._failure is not None:
            raise self._failure
        writes = [OwnerDead(owner=one, number=self._replica.number_of(one)) for one in owners]
        if not writes or self._proposer.is_away:
            return 0
        try:
            freed: list[Any] = self.commit(writes).result(LOCK_S_MAX)
        except (TimeLimitError, TimeoutError):
            return 0
        return sum(freed)

    def dead_among(self, owners: set[bytes]) -> list[bytes]:
        """Those that were not heard of for long, and those of this host whose slot is free."""
        if self._failure is not None:
            raise self._failure
        dead = self._take_over_slots() & owners
        live_s, heard_s = self._proposer.live_since_s, self._proposer.heard_s
        for owner in owners - dead - {self._origin}:
            if time.monotonic() - max(heard_s.get(owner, 0.0), live_s) > DEAD_S:
                dead.add(owner)
        return sorted(dead)

    def _take_over_slots(self) -> set[bytes]:
        """Take over what dead processes of this host left; answers their origins."""
        found: set[bytes] = set()
        for path in slots.others(self._path, self._slot.path):
            slot = slots.hold(path)
            if slot is None:
                continue
            outbox = Outbox(path / "outbox", bytes_max=4 * self._outbox_bytes_max)
            try:
                left = outbox.open()
                origin = outbox.origin()
                for one, messages in left.items():
                    # Once here and once there: whichever copy is sent, the log takes it once.
                    self._outbox.keep(one, messages)
                    outbox.drop(one, up_to=2**64 - 1)
                self._proposer.orphans.append(left)
            finally:
                outbox.close()
                slot.release()
            if origin is not None:
                found.add(origin)
        return found

    def _use(self, replica: Replica) -> None:
        self._replica = replica
        self.state: State = LmdbState(replica.env, self._clock)
        self.streams: Streams = LmdbStreams(replica.env)
        self.journal: Journal = LmdbJournal(replica.env)
        self.events: EventQueue = NatsEvents(replica, self._clock, self)

    def _open(self) -> None:
        slot = self._slot
        found = self._outbox.open()
        before, self._origin = self._outbox.origin(), os.urandom(entries.ORIGIN_BYTES)
        self._outbox.sign(self._origin)
        self._follow()
        if not self._turn_until(self._is_caught_up, self._start_s_max):
            logger.warning(
                "the NATS cluster did not answer within %g s; going on with what this host knows",
                self._start_s_max,
            )
        elif (first_seq := self._proposer.behind) is not None:
            self._replica.close()
            folder = slot.path / "replica"
            snapshots.load(self._address, folder, link=self._link, first_seq=first_seq)
            self._link.stop()
            self._link = self._new_link()
            self._follow()
            self._turn_until(self._is_caught_up, self._start_s_max)
        self._proposer.adopt(found)
        if before is not None and before not in found:
            self._proposer.bury(before)
        self._snapshots = Snapshots(
            self._address, slot.path, link=self._link, try_hold=self.locks.try_hold
        )
        self._snapshots.start(self._replica)

    def _new_link(self) -> Link:
        return Link(self._address, name=f"motia_actors {os.getpid()}", tell=self._signal.set)

    def _follow(self) -> None:
        """Open the replica and follow the log from where it is."""
        replica = Replica(
            self._slot.path / "replica",
            bytes_max=self._map_bytes_max,
            journal=self._journal_limits,
            changes=self._changes_limits,
        )
        self._use(replica)
        replica.open()
        self._proposer = Proposer(
            self._origin,
            replica=replica,
            outbox=self._outbox,
            link=self._link,
            streams=self.streams,
            clock=self._clock,
            tell=self._notifier.tell,
            outbox_bytes_max=self._outbox_bytes_max,
            message_bytes_max=MESSAGE_BYTES_MAX,
        )
        self._link.start(after_seq=replica.seq)

    def _is_caught_up(self) -> bool:
        if self._link.problem is not None:
            raise self._link.problem
        proposer = self._proposer
        if proposer.behind is not None:
            return True
        return proposer.is_up and self._replica.seq >= proposer.last_seq

    def _turn_until(self, is_over: Callable[[], bool], seconds: float) -> bool:
        end_s = time.monotonic() + seconds
        while not is_over():
            left_s = end_s - time.monotonic()
            if left_s <= 0:
                return False
            self._signal.wait(min(left_s, _TURN_S))
            self._turn()
        return True

    def _turn(self) -> int:
        try:
            self._expect_near()
            return self._proposer.turn()
        except StoreError as error:
            self._failure = error
            self._proposer.give_up(error)
            raise

    def _expect_near(self) -> None:
        first_seq = self._proposer.behind
        if first_seq is not None and self._pid:
            raise StoreError(
                f"this host was away for longer than the log reaches back, which is to "
                f"{first_seq}; it opens again with a snapshot"
            )

    def _finish(self, closed: StoreClosedError) -> None:
        proposer = self._proposer
        self._turn_until(lambda: proposer.is_idle or not proposer.is_up, CLOSE_S_MAX)
        if proposer.is_idle:
            # Others need not wait to find out.
            write = OwnerDead(owner=self._origin, number=0)
            proposer.put(Pending([write], Promise(), 0, time.monotonic(), is_patient=True))
            self._turn_until(lambda: proposer.is_idle or not proposer.is_up, CLOSE_S_MAX)
        proposer.give_up(closed)

    def _let_go(self) -> None:
        with contextlib.ExitStack() as stack:
            stack.callback(self._slot.release)
            stack.callback(self._outbox.close)
            stack.callback(self._replica.close)
            stack.callback(self._link.stop)

    def _finds_nothing(self, writes: Sequence[Write[object]]) -> bool:
        """A lone lease where nothing is due and nothing on its way: no entry for that."""
        match writes:
            case [Lease(step=step)] if self._proposer.is_idle:
                due_s = self.events.next_due_s(step)
                return due_s is None or due_s > self._clock.now_s()
            case _:
                return False
