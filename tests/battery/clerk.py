"""One process of a crew: `python -m tests.battery.clerk FOLDER ROLE LIFE SEED BOOK [OPTION=N…]`.

It makes or handles events on the folder until it is killed, and writes what is certain to the
book, a file descriptor: `E id` once a put was acknowledged, `D step id attempt` when a handler
begins, `A step id attempt` once its end was, `X` likewise for one that overtook another, `F` where
the store was full, `L` for a lease that was lost.

Who is `own` does both: it puts events for itself, which it takes as they are put where it has a
hand free, and says `E`, `D` and `A` of them likewise, and `W` of one without a row.

Options: `bytes` of an event's data, `map` for the limit of the store, `file` for the limit of any
file, `die` for one transaction in so many that is ended by kill -9 before its commit,
`visibility` of leases in milliseconds, `region` for the bytes of a region of the log of events
without rows, `mutant` for a fault of ours.
"""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from motia_actors.clock import SystemClock
from motia_actors.errors import LeaseLostError, StoreError, StoreFullError
from motia_actors.messages import Delivery, Event, Target
from motia_actors.store import (
    Ack,
    EventPut,
    Extend,
    Lease,
    Release,
    Retry,
    StateIncrement,
    StateSet,
    Store,
    Write,
)
from motia_actors.stores.lmdb import LmdbStore, wal
from motia_actors.stores.lmdb.work import Work
from motia_actors.stores.remote import nats_store
from motia_actors.threads import Signal
from tests.battery.mutants import MUTANTS
from tests.stores.driving import driven
from tests.stores.hands import Hands

EXIT_STORE = 70
GROUPS = 5
VISIBILITY_MS = 500
RETRY_SHARE, RETRY_S = 0.05, 0.01
IDLE_S = 0.02
WORK_S = 0.01
LATE_SHARE = 0.02
FULL_S = 0.05
OWN_HANDS, OWN_SHARE = 6, 0.7
MAP_BYTES = 2**28


class Note(msgspec.Struct, frozen=True):
    """An event's data: the number of its maker's life, its number in its group, its parent."""

    life: int
    number: int
    parent: str = ""
    filling: str = ""


class Mark(msgspec.Struct, frozen=True):
    """How far a FIFO group has come."""

    life: int
    number: int
    count: int


class Clerk:
    """The life of one process."""

    def __init__(
        self,
        store: Store,
        *,
        role: str,
        life: int,
        book: int,
        chance: random.Random,
        options: Mapping[str, int],
    ) -> None:
        self._store, self._role, self._life, self._book = store, role, life, book
        self._chance, self._size = chance, options.get("bytes", 10)
        self._visibility_s = options.get("visibility", VISIBILITY_MS) / 1000
        self._pause = Signal()
        self._hands = Hands(OWN_HANDS)
        self._count = 0

    def work(self) -> None:
        """Work for ever."""
        step = self._role.partition("-")[0]
        store = self._store
        store.notifier.listen(lambda _wake: self._pause.set())
        while True:
            if step == "maker":
                self._make()
                continue
            if step == "own":
                self._own()
                continue
            try:
                # As the router: look after the dead, take what is due, finish it.
                store.events.free_dead_owners()
                found = store.write(Lease(step=step, count_max=4, visibility_s=self._visibility_s))
            except StoreFullError:
                self._full()
                continue
            self._handle(found)
            if not found:
                self._pause.wait(IDLE_S)

    def _say(self, *words: str) -> None:
        os.write(self._book, " ".join(words).encode() + b"\n")

    def _linger(self, seconds: float) -> None:
        """Be busy, whatever others wake us for."""
        Signal().wait(seconds)

    def _full(self) -> None:
        self._say("F")
        self._pause.wait(FULL_S)

    def _make(self) -> None:
        """Put some events, each in a commit of its own, all of them on their way together."""
        events = [self._next_event() for _ in range(self._chance.randint(1, 4))]
        targets = (Target(step="std"), Target(step="fifo", is_fifo=True))
        for event in events:
            try:
                self._store.write(EventPut(event=event, targets=targets))
            except StoreFullError:
                self._full()
            else:
                self._say("E", event.id)
        self._pause.wait(self._chance.random() * 0.01)

    def _own(self) -> None:
        """Put some events for this step, and handle some of what was taken or is due."""
        hands = self._hands
        self._store.taker = hands
        targets = (Target(step="own"),)
        events = [self._next_event() for _ in range(self._chance.randint(1, 4))]
        puts = [
            (event, self._store.commit([EventPut(event=event, targets=targets)]))
            for event in events
        ]
        for event, promise in puts:
            try:
                promise.result()
            except StoreFullError:
                self._full()
            else:
                self._say("E", event.id)
        try:
            self._store.events.free_dead_owners()
            lease = Lease(step="own", count_max=2, visibility_s=self._visibility_s)
            found = self._store.write(lease)
        except StoreFullError:
            self._full()
            found = []
        while hands.taken and self._chance.random() < OWN_SHARE:
            hands.give_up("own")
            found.append(hands.taken.pop(0))
            self._say("W", found[-1].event.id)
        self._finish(found)

    def _finish(self, deliveries: list[Delivery]) -> None:
        """End deliveries in all ways there are: with effects only where both are one commit."""
        for delivery in deliveries:
            event_id, store = delivery.event.id, self._store
            self._say("D", "own", event_id, str(delivery.attempt))
            chance = self._chance.random()
            try:
                if chance < RETRY_SHARE:
                    store.write(Retry(delivery=delivery, delay_s=RETRY_S))
                    continue
                if chance < 2 * RETRY_SHARE:
                    store.write(Release(delivery=delivery))
                    continue
                if chance < 3 * RETRY_SHARE:
                    delivery = store.write(
                        Extend(delivery=delivery, visibility_s=self._visibility_s)
                    )
                if chance < 0.5:
                    count = StateIncrement(group="once", key=event_id, by=b"1")
                    store.commit([count, Ack(delivery=delivery)]).result()
                else:
                    store.write(StateSet(group="plain", key=event_id, value=b"1"))
                    store.write(Ack(delivery=delivery))
            except LeaseLostError:
                self._say("L")
            except StoreFullError:
                self._full()
            else:
                self._say("A", "own", event_id, str(delivery.attempt))

    def _next_event(self) -> Event:
        self._count += 1
        note = Note(life=self._life, number=self._count, filling="x" * self._size)
        return Event(
            id=f"{self._role}.{self._life}.{self._count}",
            topic="order",
            data=msgspec.json.encode(note),
            trace_id="t",
            group_id=f"{self._role}.{self._chance.randrange(GROUPS)}",
        )

    def _handle(self, deliveries: list[Delivery]) -> None:
        ends = []
        for delivery in deliveries:
            self._say("D", delivery.step, delivery.event.id, str(delivery.attempt))
            is_late = self._chance.random() < LATE_SHARE
            self._linger(1.5 * self._visibility_s if is_late else self._chance.random() * WORK_S)
            if self._chance.random() < RETRY_SHARE:
                writes: list[Write[object]] = [Retry(delivery=delivery, delay_s=RETRY_S)]
                ends.append((delivery, "R", self._store.commit(writes)))
                continue
            writes, is_in_order = self._effects(delivery)
            ack: Write[object] = Ack(delivery=delivery)
            word = "A" if is_in_order else "X"
            ends.append((delivery, word, self._store.commit([*writes, ack])))
        for delivery, word, promise in ends:
            try:
                promise.result()
            except LeaseLostError:
                self._say("L")
            except StoreFullError:
                self._full()
            else:
                self._say(word, delivery.step, delivery.event.id, str(delivery.attempt))

    def _effects(self, delivery: Delivery) -> tuple[list[Write[object]], bool]:
        event = delivery.event
        match delivery.step:
            case "std":
                # Unique in each run: were two runs committed, two events would tell of it.
                child = Event(
                    id=os.urandom(8).hex(), topic="done", data=event.id.encode(), trace_id="t"
                )
                return [
                    StateSet(group="std", key=event.id, value=b"1"),
                    EventPut(event=child, targets=(Target(step="sink"),)),
                ], True
            case "sink":
                return [StateSet(group="sink", key=event.id, value=event.data)], True
            case _:
                return self._in_order(event)

    def _in_order(self, event: Event) -> tuple[list[Write[object]], bool]:
        """Count the group's events; its lease is what makes read and write one."""
        assert event.group_id is not None
        note = msgspec.json.decode(event.data, type=Note)
        kept = self._store.state.get("fifo", event.group_id)
        last = Mark(0, 0, 0) if kept is None else msgspec.json.decode(kept, type=Mark)
        mark = Mark(note.life, note.number, last.count + 1)
        write = StateSet(group="fifo", key=event.group_id, value=msgspec.json.encode(mark))
        return [write], (last.life, last.number) < (note.life, note.number)


def die_in_transactions(one_in: int, chance: random.Random) -> None:
    """From now on, end one transaction in so many by kill -9, when all but its commit is done."""
    finish = Work.finish

    def finish_or_die(self: Work) -> None:
        finish(self)
        if chance.randrange(one_in) == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    Work.finish = finish_or_die  # type: ignore[method-assign]  # that is the fault


def limit_files(size_bytes: int) -> None:
    """Let no file grow beyond this, which to LMDB is a disk that is full."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    usage = shutil.disk_usage("/")._replace(free=0)
    shutil.disk_usage = lambda _path: usage  # type: ignore[assignment]  # as a full disk


def store_in(folder: Path, *, map_bytes_max: int) -> Store:
    """The store of a crew: LMDB, or what BATTERY_STORE says."""
    address = os.environ.get("BATTERY_STORE")
    if address:
        return nats_store(address, folder, SystemClock(), map_bytes_max=map_bytes_max)
    return LmdbStore(folder, SystemClock(), map_bytes_max=map_bytes_max)


def main() -> None:
    folder, role, life, seed, book, *words = sys.argv[1:]
    options: Mapping[str, int] = {
        name: int(number) for name, _, number in (word.partition("=") for word in words)
    }
    chance = random.Random(f"{seed} {role} {life}")
    if options.get("die"):
        die_in_transactions(options["die"], chance)
    if options.get("mutant"):
        MUTANTS[options["mutant"] - 1]()
    if options.get("region"):
        wal.REGION_BYTES = options["region"]
    if options.get("file"):
        limit_files(options["file"])
    store = store_in(Path(folder), map_bytes_max=options.get("map", MAP_BYTES))
    try:
        with driven(store):
            Clerk(
                store,
                role=role,
                life=int(life),
                book=int(book),
                chance=chance,
                options=options,
            ).work()
    except StoreError as error:
        os.write(2, f"{error}\n".encode())
        os._exit(EXIT_STORE)


if __name__ == "__main__":
    main()
