"""Events that are done before they need a row: kept as well as those that have one."""

from __future__ import annotations

import errno
import io
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lmdb
import msgspec
import pytest

from motia_actors.clock import SystemClock
from motia_actors.errors import LeaseLostError, StoreClosedError, StoreError
from motia_actors.messages import Debounce, Event, Target
from motia_actors.store import (
    Ack,
    Bury,
    EventPut,
    Extend,
    Release,
    Retry,
    StateSet,
    Store,
    Write,
)
from motia_actors.stores.lmdb import LmdbStore, logged, wal
from motia_actors.stores.lmdb.backup import backup
from motia_actors.stores.lmdb.check import check
from motia_actors.stores.lmdb.export import export
from motia_actors.stores.lmdb.load import import_
from motia_actors.stores.lmdb.taker import BYTES_MAX
from tests.stores.driving import an_event, ids, lease
from tests.stores.hands import Hands, handled
from tests.stores.test_processes import child_on

CHARGE = Target(step="charge")


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def store(tmp_path: Path, hands: Hands) -> Iterator[Store]:
    with handled(tmp_path / "data", hands) as store:
        yield store


def put(store: Store, *event_ids: str) -> None:
    for event_id in event_ids:
        store.write(EventPut(event=an_event(event_id), targets=(CHARGE,)))


def rows(store: Store) -> float:
    return store.statistics()["rows_events"]


def test_an_event_that_is_taken_and_ends_never_has_a_row(store: Store, hands: Hands) -> None:
    put(store, "e1")

    [delivery] = hands.taken
    assert (delivery.event, delivery.attempt) == (an_event("e1"), 1)
    assert (rows(store), store.events.steps()) == (0, ["charge"])
    assert store.events.depth("charge").leased == 1

    store.write(Ack(delivery=delivery))

    assert (rows(store), store.events.steps()) == (0, [])
    assert store.events.depth("charge").leased == 0


def test_each_target_is_a_delivery_of_its_own(store: Store, hands: Hands) -> None:
    targets = (CHARGE, Target(step="mail"))
    store.write(EventPut(event=an_event("e1"), targets=targets))

    assert [one.step for one in hands.taken] == ["charge", "mail"]
    store.write(Ack(delivery=hands.taken[0]))
    assert store.events.steps() == ["mail"]
    store.write(Ack(delivery=hands.taken[1]))
    assert store.events.steps() == []


def test_where_one_target_has_no_run_free_all_have_rows(store: Store, hands: Hands) -> None:
    hands.free = 1

    store.write(EventPut(event=an_event("e1"), targets=(CHARGE, Target(step="mail"))))

    assert (hands.taken, hands.free) == ([], 1)
    assert ids(lease(store)) == ids(lease(store, step="mail")) == ["e1"]


@pytest.mark.parametrize(
    "changed",
    [
        {"dedupe_key": "k"},
        {"not_before_s": 0.0},
        {"targets": (Target(step="charge", delay_s=0.001),)},
        {"targets": (Target(step="charge", depth_max=9),)},
        {"targets": (Target(step="charge", is_fifo=True),), "event": an_event(group_id="g")},
        {"targets": (Target(step="charge", debounce=Debounce(wait_s=0.0)),)},
        {"event": an_event(data=b"1" * (BYTES_MAX + 1))},
        {"event": an_event(topic="half a pair: \ud800")},
    ],
)
def test_what_asks_more_of_the_queue_has_a_row(
    store: Store, hands: Hands, changed: dict[str, object]
) -> None:
    write = EventPut(event=an_event(), targets=(CHARGE,))

    store.write(msgspec.structs.replace(write, **changed))

    assert (hands.taken, hands.free, rows(store)) == ([], 1000, 1)


def test_what_cannot_be_written_keeps_no_run(store: Store, hands: Hands) -> None:
    class Topic(str):
        __slots__ = ()

    with pytest.raises(TypeError):
        store.commit([EventPut(event=an_event(topic=Topic("t")), targets=(CHARGE, CHARGE))])

    assert (hands.taken, hands.free) == ([], 1000)


def test_what_does_not_end_at_once_becomes_a_row_like_any_other(store: Store, hands: Hands) -> None:
    put(store, "retried", "released", "buried", "extended")
    retried, released, buried, extended = hands.taken

    store.write(Retry(delivery=retried, delay_s=0.0))
    store.write(Release(delivery=released))
    store.write(Bury(delivery=buried, error="no"))
    held = store.write(Extend(delivery=extended, visibility_s=30.0))

    assert [(one.event.id, one.attempt) for one in lease(store)] == [
        ("retried", 2),
        ("released", 1),
    ]
    [letter] = store.events.dead("charge", count_max=9)
    assert (letter.event.id, letter.attempts, letter.error) == ("buried", 1, "no")
    assert letter.put_s == buried.put_s
    store.write(Ack(delivery=held))
    assert store.events.depth("charge").leased == 2


@pytest.mark.parametrize("kind", [Ack, Release])
def test_a_delivery_ends_once(store: Store, hands: Hands, kind: type[Ack | Release]) -> None:
    put(store, "e1", "e2")
    one, other = hands.taken
    store.write(Ack(delivery=one))
    store.write(Extend(delivery=other, visibility_s=30.0))

    for delivery in (one, other):
        with pytest.raises(LeaseLostError):
            store.write(kind(delivery=delivery))
        writes: list[Write[object]] = [
            StateSet(group="g", key="late", value=b"1"),
            kind(delivery=delivery),
        ]
        with pytest.raises(LeaseLostError):
            store.commit(writes).result()

    assert store.state.get("g", "late") is None
    assert store.events.depth("charge").leased == 1


def test_an_end_goes_with_the_writes_of_its_commit_or_not_at_all(
    store: Store, hands: Hands
) -> None:
    put(store, "e1")
    [delivery] = hands.taken
    other = Event(id="e2", topic="t", data=b"2", trace_id="")
    writes: list[Write[object]] = [
        StateSet(group="g", key="done", value=b"1"),
        EventPut(event=other, targets=(Target(step="next"),)),
        Ack(delivery=delivery),
    ]

    store.commit(writes).result()

    assert store.state.get("g", "done") == b"1"
    assert store.events.steps() == ["next"]
    assert rows(store) == 1


def test_what_nobody_took_after_all_is_given_back(store: Store, hands: Hands) -> None:
    hands.is_broken = True

    put(store, "e1")
    store.write(StateSet(group="g", key="k", value=b"2"))

    assert [(one.event.id, one.attempt) for one in lease(store)] == [("e1", 1)]


def test_the_log_goes_round_while_events_end(
    store: Store, hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So much is put that each region is begun anew."""
    data = b'"%s"' % (b"x" * BYTES_MAX)[2:]
    count = 5 * wal.REGIONS * wal.REGION_BYTES // (4 * BYTES_MAX)
    for number in range(count):
        event = an_event(str(number), data=data)
        store.write(EventPut(event=event, targets=(CHARGE,)))
        store.write(Ack(delivery=hands.taken.pop()))

    assert rows(store) == 0
    assert store._express._log.epoch > wal.REGIONS  # type: ignore[attr-defined]  # how often


def test_where_the_next_region_has_something_at_work_events_have_rows(
    store: Store, hands: Hands
) -> None:
    data = b'"%s"' % (b"x" * BYTES_MAX)[2:]
    put(store, "slow")
    [slow] = hands.taken
    number = 0
    while not rows(store):
        number += 1
        event = an_event(str(number), data=data)
        store.write(EventPut(event=event, targets=(CHARGE,)))
        if len(hands.taken) > 1:
            store.write(Ack(delivery=hands.taken.pop()))

    [delivery] = lease(store)
    assert delivery.event.id == str(number)
    store.write(Ack(delivery=delivery))
    store.write(Extend(delivery=slow, visibility_s=30.0))
    put(store, "after")
    assert hands.taken[-1].event.id == "after"


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_log_that_fails_is_left_and_events_have_rows(
    store: Store, hands: Hands, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    put(store, "before")

    def fail(*_: object) -> int:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "pwritev", fail)
    put(store, "e1", "e2")
    store.write(Ack(delivery=hands.taken[0]))

    assert ids(lease(store)) == ["e1", "e2"]
    assert (len(hands.taken), hands.free) == (1, 999)
    assert store.events.depth("charge").leased == 2


def test_what_reached_a_log_that_failed_is_not_put_twice(
    tmp_path: Path, hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    pwritev = os.pwritev

    def fail(*rest: Any) -> int:
        pwritev(*rest)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with handled(tmp_path, hands) as store:
        put(store, "before", "acknowledged")
        with monkeypatch.context() as patch:
            patch.setattr(os, "pwritev", fail)
            put(store, "e1")
        store.write(Ack(delivery=hands.taken[1]))
        [delivery] = lease(store)
        store.write(Ack(delivery=delivery))

    with handled(tmp_path, hands) as store:
        assert store.events.free_dead_owners() == 1
        assert ids(lease(store)) == ["before"]


def test_of_two_ends_in_one_commit_the_first_counts(store: Store, hands: Hands) -> None:
    put(store, "e1")
    [delivery] = hands.taken
    with store._writer._commit_lock:  # type: ignore[attr-defined]  # so that both wait
        held = store.commit([Extend(delivery=delivery, visibility_s=30.0)])
        late = store.commit(
            [StateSet(group="g", key="late", value=b"1"), Ack(delivery=delivery)],
        )

    [extended] = held.result()
    with pytest.raises(LeaseLostError):
        late.result()

    assert store.state.get("g", "late") is None
    assert rows(store) == 1
    store.write(Ack(delivery=extended))  # type: ignore[arg-type]  # an Extend answers a delivery
    assert (rows(store), store.events.steps()) == (0, [])


def test_an_end_that_the_log_had_no_room_for_goes_along_with_the_next(
    store: Store, hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, "e1", "e2")
    express = store._express  # type: ignore[attr-defined]
    with monkeypatch.context() as patch:
        patch.setattr(express, "_write", lambda _records: False)
        store.write(Ack(delivery=hands.taken[0]))
    [owner] = express.owners()
    assert len(express.left_by(owner)) == 2

    store.write(Ack(delivery=hands.taken[1]))

    assert express.left_by(owner) == {}
    assert express._unlogged == set()


def test_an_end_of_before_a_reopening_does_no_harm(store: Store, hands: Hands) -> None:
    put(store, "e1")
    store.close()
    store.open()
    store.commit([StateSet(group="g", key="k", value=b"2")]).result()
    late = store.commit([Ack(delivery=hands.taken[0])])
    store.commit_waiting(wait_s=0.0)
    with pytest.raises(LeaseLostError):
        late.result(0.0)

    put(store, "e2")

    assert (hands.taken[-1].event.id, rows(store)) == ("e2", 0)


def test_a_store_that_fails_keeps_no_runs(store: Store, hands: Hands) -> None:
    writer = store._writer  # type: ignore[attr-defined]
    with writer._commit_lock:
        waiting = store.commit([EventPut(event=an_event("e1"), targets=(CHARGE,))])
        assert hands.free == 999
        writer._refuse(StoreClosedError("failed"))

    with pytest.raises(StoreClosedError, match="failed"):
        waiting.result()
    assert hands.free == 1000


# What a process leaves that dies.


def test_what_a_killed_process_had_at_work_is_put_again(tmp_path: Path) -> None:
    with handled(tmp_path, Hands()) as store, child_on(tmp_path) as child:
        assert child.ask("take 5") == "0 1 2 3 4"
        assert child.ask("finish 1") == "1"
        assert child.ask("finish-with 3") == "3"
        assert store.events.free_dead_owners() == 0
        child.kill()

        assert store.events.free_dead_owners() == 3

        assert [(one.event.id, one.attempt) for one in lease(store)] == [
            ("0", 2),
            ("2", 2),
            ("4", 2),
        ]
        assert store.events.free_dead_owners() == 0
        assert wal.owners_of(tmp_path / "wal") == []


def test_other_processes_see_what_is_at_work(tmp_path: Path) -> None:
    with handled(tmp_path, Hands()) as store, child_on(tmp_path) as child:
        events = store.events
        assert (events.steps(), events.depth("charge").leased) == ([], 0)
        child.ask("take 3")
        assert (events.steps(), events.depth("charge").leased) == (["charge"], 3)
        child.ask("finish 0")
        child.ask("finish-with 2")
        assert (events.steps(), events.depth("charge").leased) == (["charge"], 1)
        child.kill()
        assert (events.steps(), events.depth("charge").leased) == (["charge"], 1)

        events.free_dead_owners()

        assert (events.depth("charge").leased, events.depth("charge").waiting) == (0, 1)


def test_what_reaches_a_slow_disk_after_the_time_of_its_write_is_seen(tmp_path: Path) -> None:
    log, others = wal.Wal(tmp_path, is_synced=True), logged.Others(tmp_path)
    log.open(b"12345678")
    log.turn()
    path = wal.path_of(tmp_path, b"12345678")
    begun_ns = time.time_ns() - 500_000_000
    os.utime(path, ns=(begun_ns, begun_ns))
    assert others.steps(but=b"") == {}

    log.append([logged.encode(logged.Put(1024, 0.0, 0.0, ("charge",), an_event("e1")))])
    os.utime(path, ns=(begun_ns, begun_ns))

    assert others.steps(but=b"") == {"charge": 1}


def test_an_end_that_was_committed_holds_though_the_log_does_not_say_so(tmp_path: Path) -> None:
    with handled(tmp_path, Hands()) as store, child_on(tmp_path) as child:
        child.ask("take 2")
        child.ask("finish-and-stop 1")
        child.kill()

        assert store.events.free_dead_owners() == 1

        assert store.state.get("g", "f") == b"1"
        assert ids(lease(store)) == ["0"]


def test_who_dies_while_he_frees_leaves_nothing_to_be_put_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with handled(tmp_path, Hands()) as store, child_on(tmp_path) as child:
        child.ask("take 2")
        child.kill()
        with monkeypatch.context() as patch:
            patch.setattr(store._express, "forget", lambda _owner: None)  # type: ignore[attr-defined]
            assert store.events.free_dead_owners() == 2

        assert store.events.free_dead_owners() == 0

        assert ids(lease(store)) == ["0", "1"]
        assert store.events.free_dead_owners() == 0
        with store._env.read() as txn:  # type: ignore[attr-defined]  # nothing of it is left there
            tables = store._env.tables  # type: ignore[attr-defined]
            assert logged.owners_in(txn, tables.meta) == set()


def test_what_was_freed_by_another_meanwhile_is_not_put_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with handled(tmp_path, Hands()) as store, child_on(tmp_path) as child:
        child.ask("take 2")
        child.kill()
        express = store._express  # type: ignore[attr-defined]
        [owner] = express.owners()
        read_before = express.left_by(owner)
        assert [store.events.free_dead_owners() for _ in range(3)] == [2, 0, 0]

        monkeypatch.setattr(express, "left_by", lambda _owner: read_before)
        assert store._free([owner]) == 0  # type: ignore[attr-defined]

        assert ids(lease(store)) == ["0", "1"]


def test_a_log_is_gone_on_disk_before_its_ends_are_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut would bring it back, and nothing would say what had ended."""
    flushed: list[tuple[Path, list[bytes]]] = []
    folder = tmp_path / "wal"
    with handled(tmp_path, Hands()) as store, child_on(tmp_path) as child:
        child.ask("take 1")
        child.kill()
        flush = wal.flush

        def note(path: Path) -> None:
            flushed.append((path, wal.owners_of(folder)))
            flush(path)

        monkeypatch.setattr(wal, "flush", note)
        assert store.events.free_dead_owners() == 1
        assert flushed == [(folder, [])]
        put(store, "e1")
        assert (tmp_path, wal.owners_of(folder)) in flushed


def test_a_close_leaves_what_is_at_work_to_the_next(tmp_path: Path) -> None:
    hands = Hands()
    with handled(tmp_path, hands) as store:
        put(store, "e1", "e2")
        store.write(Ack(delivery=hands.taken[0]))

    with handled(tmp_path, Hands()) as store:
        assert store.events.free_dead_owners() == 1
        assert ids(lease(store)) == ["e2"]


def test_a_close_with_nothing_at_work_leaves_no_log(tmp_path: Path) -> None:
    hands = Hands()
    with handled(tmp_path, hands) as store:
        put(store, "e1")
        store.write(Ack(delivery=hands.taken[0]))

    assert wal.owners_of(tmp_path / "wal") == []


def test_an_end_that_comes_while_the_store_closes_takes_no_other_along(
    tmp_path: Path, hands: Hands
) -> None:
    with handled(tmp_path, hands) as store:
        put(store, "e1", "e2")
        writer = store._writer  # type: ignore[attr-defined]
        with writer._commit_lock:  # so that the first waits
            before = store.commit([Ack(delivery=hands.taken[0])])
            writer._refusal = StoreClosedError("as at the begin of a close")
            late = store.commit([Ack(delivery=hands.taken[1])])
            with pytest.raises(StoreClosedError):
                late.result(0.0)
            assert not before.is_done
        store.close()
        assert before.result(0.0) == [None]

    with handled(tmp_path, Hands()) as store:
        assert store.events.free_dead_owners() == 1
        assert ids(lease(store)) == ["e2"]


def test_after_a_close_that_failed_the_log_is_another_one(
    tmp_path: Path, hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise lmdb.Error("no disk")

    store: Store = LmdbStore(tmp_path, SystemClock())
    store.taker = hands
    for event_id in ("e1", "e2"):
        store.open()
        store.write(StateSet(group="g", key="k", value=b"1"))
        put(store, event_id)
        store.commit([StateSet(group="g", key="k", value=b"2")])
        with monkeypatch.context() as patch:
            patch.setattr(store._env, "write", fail)  # type: ignore[attr-defined]
            with pytest.raises(StoreError, match="no disk"):
                store.close()

    with handled(tmp_path, Hands()) as other:
        assert other.events.free_dead_owners() == 2
        assert sorted(ids(lease(other))) == ["e1", "e2"]


def test_a_log_that_nobody_can_read_stays_and_others_are_freed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "wal").mkdir(parents=True)
    unreadable = wal.path_of(tmp_path / "wal", b"\1" * 8)
    log = wal.Wal(tmp_path / "wal", is_synced=True)
    log.open(b"\1" * 8)
    log.turn()
    log.append([b"\xc1"])
    log.abandon()
    with handled(tmp_path, Hands()) as store, child_on(tmp_path) as child:
        child.ask("take 1")
        child.kill()

        assert store.events.free_dead_owners() == 1

    assert unreadable.exists()
    assert "stays where it is" in caplog.text


# What tools find.


def test_a_backup_has_what_was_at_work(tmp_path: Path) -> None:
    with handled(tmp_path / "other", Hands()), child_on(tmp_path / "data") as child:
        child.ask("take 3")
        child.ask("finish 1")

        backup(tmp_path / "data", tmp_path / "backup")

        child.ask("finish 0")
    with handled(tmp_path / "backup", Hands()) as store:
        assert store.events.free_dead_owners() == 2
        assert sorted(ids(lease(store))) == ["0", "2"]


def test_a_backup_after_the_machine_started_anew_has_what_was_at_work(tmp_path: Path) -> None:
    """The machine's clock began anew, so all that a log says was in its future."""
    later_s = time.monotonic() + 1e6
    log = wal.Wal(tmp_path / "data" / "wal", is_synced=True)
    with handled(tmp_path / "data", Hands()):
        pass
    log.open(b"\1" * 8)
    log.turn()
    for number, event_id in enumerate(["left", "done"], start=1):
        put = logged.Put(number, later_s, 1.0, (CHARGE.step,), an_event(event_id))
        log.append([logged.encode(put)])
    log.append([logged.encode(logged.Ended(later_s, [2]))])
    log.abandon()

    backup(tmp_path / "data", tmp_path / "backup")

    with handled(tmp_path / "backup", Hands()) as store:
        assert store.events.free_dead_owners() == 1
        assert ids(lease(store)) == ["left"]


def test_a_backup_has_not_what_ended_with_a_commit(tmp_path: Path) -> None:
    with handled(tmp_path / "other", Hands()), child_on(tmp_path / "data") as child:
        child.ask("take 2")
        child.ask("finish-and-stop 1")

        backup(tmp_path / "data", tmp_path / "backup")

    with handled(tmp_path / "backup", Hands()) as store:
        assert store.state.get("g", "f") == b"1"
        assert store.events.free_dead_owners() == 1
        assert ids(lease(store)) == ["0"]


def test_an_export_has_what_was_at_work(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with child_on(tmp_path / "data") as child:
        child.ask("take 3")
        child.ask("finish 1")
        export(tmp_path / "data", stream)
    stream.seek(0)

    import_(tmp_path / "new", stream, bytes_max=2**28)

    assert check(tmp_path / "new").findings == ()
    with handled(tmp_path / "new", Hands()) as store:
        assert [(one.event.id, one.attempt) for one in lease(store)] == [("0", 2), ("2", 2)]
