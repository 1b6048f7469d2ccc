"""What is the LMDB store's own: durability, limits, damage, and the writer's group commit."""

from __future__ import annotations

import random
import resource
import time
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import lmdb
import pytest

from motia_actors.clock import ManualClock, SystemClock
from motia_actors.errors import (
    LeaseLostError,
    QueueFullError,
    StoreClosedError,
    StoreCorruptError,
    StoreError,
    StoreFullError,
)
from motia_actors.messages import Target, Wake
from motia_actors.store import (
    Ack,
    Bury,
    EventPut,
    JournalAppend,
    StateClear,
    StateDelete,
    StateSet,
    Store,
    StreamSet,
    Write,
)
from motia_actors.stores.lmdb import LmdbStore
from motia_actors.threads import NativeThread
from tests.stores.driving import WAIT_S, an_event, driven, ids, lease, put, put_fifo

PAGES_BYTES = 2**20


def small(path: Path) -> LmdbStore:
    return LmdbStore(path, SystemClock(), map_bytes_max=PAGES_BYTES, unsafe_no_sync=True)


def a_value(number: int, size: int = 10_000) -> StateSet:
    return StateSet(group="g", key=str(number), value=b"x" * size)


def test_everything_is_there_again_after_a_close(tmp_path: Path, clock: ManualClock) -> None:
    with driven(LmdbStore(tmp_path, clock)) as store:
        for event_id in ("1", "2"):
            put_fifo(store, event_id)
        put(store, "3", Target(step="dead"))
        (doomed,) = lease(store, step="dead")
        writes: list[Write[object]] = [
            StateSet(group="g", key="k", value=b"1"),
            StreamSet(stream="s", group="g", item_id="i", data=b"2"),
            JournalAppend(kind="log", record=b"3"),
            Bury(delivery=doomed, error="x"),
        ]
        store.commit(writes).result(WAIT_S)

    with driven(LmdbStore(tmp_path, clock)) as store:
        assert store.state.get("g", "k") == b"1"
        assert store.streams.group("s", "g") == [b"2"]
        assert store.streams.last_seq() == 1
        assert store.journal.tail("log", count_max=1) == [b"3"]
        assert [letter.error for letter in store.events.dead("dead", count_max=9)] == ["x"]
        assert ids(lease(store)) == ["1"]


def test_what_waits_at_a_close_is_committed(tmp_path: Path, clock: ManualClock) -> None:
    store = LmdbStore(tmp_path, clock)
    store.open()
    promise = store.commit([a_value(1)])
    assert not promise.is_done

    store.close()

    assert promise.result(0.0) == [None]
    with pytest.raises(StoreClosedError):
        store.commit([a_value(2)]).result(0.0)


def test_what_waits_together_is_one_commit(tmp_path: Path, clock: ManualClock) -> None:
    store = LmdbStore(tmp_path, clock)
    store.open()
    promises = [store.commit([a_value(number)]) for number in range(20)]

    assert store.commit_waiting(wait_s=0.0) == 20
    assert store.commit_waiting(wait_s=0.0) == 0

    assert all(promise.is_done for promise in promises)
    assert store.statistics()["commits"] == 1
    assert store.statistics()["batches"] == 20
    store.close()


def test_a_commit_has_a_limit_of_batches(tmp_path: Path, clock: ManualClock) -> None:
    store = LmdbStore(tmp_path, clock, unsafe_no_sync=True)
    store.open()
    for number in range(257):
        store.commit([a_value(number, 1)])

    assert [store.commit_waiting(wait_s=0.0) for _ in range(3)] == [256, 1, 0]
    store.close()


def test_one_lost_lease_breaks_its_own_promise_and_no_other(
    tmp_path: Path, clock: ManualClock
) -> None:
    store = LmdbStore(tmp_path, clock, unsafe_no_sync=True)
    with driven(store):
        put(store, "e")
        (delivery,) = lease(store)
        store.write(Ack(delivery=delivery))
    store.open()
    promises = [
        store.commit([a_value(1)]),
        store.commit([a_value(2), Ack(delivery=delivery)]),
        store.commit([a_value(3)]),
    ]

    assert store.commit_waiting(wait_s=0.0) == 3

    assert isinstance(promises[1].error, LeaseLostError)
    assert promises[0].error is promises[2].error is None
    assert [item.key for item in store.state.group("g")] == ["1", "3"]
    store.close()


def test_the_writer_comes_back_in_time_though_others_commit_all_the_while(
    tmp_path: Path, clock: ManualClock
) -> None:
    store = LmdbStore(tmp_path, clock, unsafe_no_sync=True)
    store.open()
    back: SimpleQueue[int] = SimpleQueue()
    NativeThread(lambda: back.put(store.commit_waiting(wait_s=0.05)), name="writer").start()
    until_s = time.monotonic() + 2.0
    while back.empty() and time.monotonic() < until_s:
        store.write(a_value(1, size=1))

    assert not back.empty()
    store.close()


def test_a_flood_into_a_full_queue_is_one_commit_with_all_that_came_along(
    tmp_path: Path, clock: ManualClock
) -> None:
    store = LmdbStore(tmp_path, clock, unsafe_no_sync=True)
    store.open()
    limited = (Target(step="charge", depth_max=5),)
    puts = [EventPut(event=an_event(str(number)), targets=limited) for number in range(20)]
    promises = [
        store.commit([put] if number % 2 else [a_value(number), put])
        for number, put in enumerate(puts)
    ]

    assert store.commit_waiting(wait_s=0.0) == 20

    assert store.statistics()["commits"] == 1
    assert [promise.error is None for promise in promises] == [True] * 5 + [False] * 15
    assert all(isinstance(promise.error, QueueFullError) for promise in promises[5:])
    assert [item.key for item in store.state.group("g")] == ["0", "2", "4"]
    store.close()


def test_the_writers_queue_is_bounded(tmp_path: Path, clock: ManualClock) -> None:
    store = LmdbStore(tmp_path, clock, waiting_bytes_max=30_000, unsafe_no_sync=True)
    store.open()

    promises = [store.commit([a_value(number)]) for number in range(3)]

    assert [promise.is_done for promise in promises] == [False, False, True]
    assert isinstance(promises[2].error, StoreFullError)
    assert store.statistics()["waiting"] == 2
    store.commit_waiting(wait_s=0.0)
    assert store.statistics()["waiting_bytes"] == 0
    assert not store.commit([a_value(4)]).is_done
    store.close()


def test_a_full_store_refuses_growth_stays_readable_and_recovers(tmp_path: Path) -> None:
    with driven(small(tmp_path)) as store:
        put(store, "e")
        kept = _fill(store)

        assert 30 < kept < 105
        assert store.state.get("g", "0") == b"x" * 10_000
        (delivery,) = lease(store)
        store.write(Ack(delivery=delivery))
        event = an_event(data=b"x" * 50_000)
        with pytest.raises(StoreFullError):
            store.write(EventPut(event=event, targets=(Target(step="s"),)))
        assert store.statistics()["bytes_used"] <= PAGES_BYTES

        assert store.write(StateClear(group="g")) == kept
        assert _fill(store) == pytest.approx(kept, abs=2)


def test_a_store_full_of_work_can_be_worked_off_by_handlers_that_write(tmp_path: Path) -> None:
    with driven(small(tmp_path)) as store:
        put_count = _fill(store, _an_order)

        done = 0
        while deliveries := lease(store, 5):
            for delivery in deliveries:
                kept = store.commit([a_value(done, 200)], may_use_reserve=True)
                assert kept.result(WAIT_S) == [None]
                store.write(Ack(delivery=delivery))
                done += 1

        assert done == put_count
        assert len(store.state.group("g")) == done


def test_the_reserve_ends_too(tmp_path: Path) -> None:
    with driven(small(tmp_path)) as store:
        _fill(store)
        reserve_bytes = store.statistics()["bytes_reserve"]

        more = _fill(store, lambda number: a_value(1000 + number), may_use_reserve=True)

        assert 0 < reserve_bytes < PAGES_BYTES
        assert more > 1
        assert store.statistics()["bytes_used"] <= PAGES_BYTES + reserve_bytes


def _an_order(number: int) -> EventPut:
    event = an_event(f"e{number}", data=b"1" * 1000)
    return EventPut(event=event, targets=(Target(step="charge"),))


def _fill(
    store: Store,
    make: Callable[[int], Write[Any]] = a_value,
    *,
    may_use_reserve: bool = False,
) -> int:
    """Write until it is full; answers for how many there was room."""
    for number in range(10_000):
        try:
            store.commit([make(number)], may_use_reserve=may_use_reserve).result(WAIT_S)
        except StoreFullError:
            return number
    raise AssertionError("it never became full")


def test_a_full_disk_refuses_the_commit_and_there_is_room_again_later(tmp_path: Path) -> None:
    with driven(LmdbStore(tmp_path, SystemClock())) as store:
        store.write(a_value(1))
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        # To LMDB a file at its limit is a disk that is full.
        size_bytes = (tmp_path / "db" / "data.mdb").stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
        try:
            with pytest.raises(StoreFullError):
                store.write(a_value(2, 2**21))
            assert store.state.get("g", "1") == b"x" * 10_000
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))

        store.write(a_value(2, 2**21))
        assert [item.key for item in store.state.group("g")] == ["1", "2"]


def test_a_commit_too_big_for_what_is_left_does_not_touch_others(tmp_path: Path) -> None:
    store = small(tmp_path)
    store.open()
    big, little = store.commit([a_value(1, 2 * PAGES_BYTES)]), store.commit([a_value(2)])

    store.commit_waiting(wait_s=0.0)

    assert isinstance(big.error, StoreFullError)
    assert little.result(0.0) == [None]
    store.close()


def test_the_file_does_not_grow_by_work_that_is_done(tmp_path: Path) -> None:
    with driven(LmdbStore(tmp_path, SystemClock(), unsafe_no_sync=True)) as store:
        for _ in range(5):
            for number in range(40):
                put(store, str(number), Target(step="charge"), Target(step="mail"))
            for step in ("charge", "mail"):
                for delivery in lease(store, 1000, step=step):
                    store.write(Ack(delivery=delivery))

        # Nothing is left but the counter, the format and LMDB's table of tables.
        assert store.statistics()["bytes_used"] <= 3 * 4096
        assert store.events.steps() == []


@pytest.mark.parametrize(
    "content",
    [b"x" * 100, b"\0" * 20_000, b"not LMDB, " * 2_000],
    ids=["short", "zeros", "text"],
)
def test_a_file_that_is_not_ours_is_refused_and_left_alone(
    tmp_path: Path, clock: ManualClock, content: bytes
) -> None:
    data = tmp_path / "db" / "data.mdb"
    data.parent.mkdir()
    data.write_bytes(content)

    with pytest.raises(StoreCorruptError, match=r"data\.mdb"):
        LmdbStore(tmp_path, clock).open()

    assert data.read_bytes() == content


def test_a_database_of_another_program_is_refused_and_left_alone(
    tmp_path: Path, clock: ManualClock
) -> None:
    path = tmp_path / "db"
    with lmdb.open(str(path)) as env, env.begin(write=True) as txn:
        txn.put(b"k", b"v")
    before = (path / "data.mdb").read_bytes()

    with pytest.raises(StoreCorruptError, match="another program"):
        LmdbStore(tmp_path, clock).open()

    assert (path / "data.mdb").read_bytes() == before


def test_a_file_cut_off_is_refused_and_left_alone(tmp_path: Path, clock: ManualClock) -> None:
    with driven(LmdbStore(tmp_path, clock, unsafe_no_sync=True)) as store:
        for number in range(50):
            store.write(a_value(number))
    data = tmp_path / "db" / "data.mdb"
    whole = data.read_bytes()

    for size in (50, 5_000, 8_192, len(whole) // 2 // 4096 * 4096):
        data.write_bytes(whole[:size])
        with pytest.raises(StoreCorruptError, match="cut off"):
            LmdbStore(tmp_path, clock).open()
        assert data.stat().st_size == size

    data.write_bytes(whole)
    with driven(LmdbStore(tmp_path, clock)) as store:
        assert len(store.state.group("g")) == 50


def test_a_whole_file_may_be_shorter_than_its_header_says(
    tmp_path: Path, clock: ManualClock
) -> None:
    # A seed whose commits take pages at the end and give them back before they are written.
    choose = random.Random(4)
    values: dict[str, bytes] = {}
    store = LmdbStore(tmp_path, clock, unsafe_no_sync=True)
    with driven(store):
        for _ in range(3):
            writes: list[Write[object]] = []
            for _ in range(8):
                if choose.random() < 0.6:
                    key, size = str(choose.randrange(8)), choose.choice([10, 300, 5_000, 60_000])
                    values[key] = b"x" * size
                    writes.append(StateSet(group="g", key=key, value=values[key]))
                else:
                    key = str(choose.randrange(8))
                    values.pop(key, None)
                    writes.append(StateDelete(group="g", key=key))
            store.commit(writes).result(WAIT_S)
    data = (tmp_path / "db" / "data.mdb").read_bytes()
    last_pages = [int.from_bytes(data[at + 136 : at + 144], "little") for at in (0, 4096)]
    assert len(data) < (max(last_pages) + 1) * 4096

    with driven(store):
        assert {item.key: item.value for item in store.state.group("g")} == values


def test_a_folder_is_open_once_in_a_process(store: Store, tmp_path: Path) -> None:
    second = LmdbStore(tmp_path, SystemClock())

    with pytest.raises(StoreError, match="already open"):
        second.open()

    store.write(a_value(1))


def test_a_deep_folder_has_wake_ups_too(tmp_path: Path, clock: ManualClock) -> None:
    deep = tmp_path.joinpath(*["x" * 100] * 3)
    with driven(LmdbStore(deep, clock, unsafe_no_sync=True)) as store:
        wakes: SimpleQueue[Wake] = SimpleQueue()
        store.notifier.listen(wakes.put)

        put(store, "e")

        assert wakes.get(timeout=WAIT_S) == Wake(steps=("charge",))
        assert [file.suffix for file in (deep / "wake").iterdir()] == [".sock"]


def test_a_close_leaves_only_the_data_behind(tmp_path: Path, clock: ManualClock) -> None:
    with driven(LmdbStore(tmp_path, clock)) as store:
        assert store.locks.try_hold("l")

    left = sorted(str(f.relative_to(tmp_path)) for f in tmp_path.rglob("*") if f.is_file())

    assert left[:2] == ["db/data.mdb", "db/lock.mdb"]
    assert {name.split("/")[0] for name in left[2:]} == {"locks"}
    assert list((tmp_path / "wake").iterdir()) == list((tmp_path / "owners").iterdir()) == []


def test_an_unexpected_error_breaks_promises_and_reaches_the_supervisor(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LmdbStore(tmp_path, clock)
    store.open()
    taken, waiting = store.commit([a_value(1, 2**22)]), store.commit([a_value(2)])

    def broken(*_: object) -> int:
        raise lmdb.PanicError("the disk is gone")

    with monkeypatch.context() as patched:
        patched.setattr("motia_actors.stores.lmdb.env.Environment.bytes_used", broken)
        with pytest.raises(StoreError, match="the disk is gone"):
            store.commit_waiting(wait_s=0.0)

    assert isinstance(taken.error, StoreError)
    assert isinstance(waiting.error, StoreError)
    with pytest.raises(StoreError, match="the disk is gone"):
        store.commit([a_value(3)]).result(0.0)
    store.close()


def test_whoever_waits_for_a_commit_does_it_where_nobody_else_does(tmp_path: Path) -> None:
    store = small(tmp_path)
    store.open()

    first = store.commit([a_value(1)])
    second = store.commit([a_value(2)])

    assert second.result() == [None]
    assert first.is_done
    assert store.statistics()["commits"] == 1
    store.close()


def test_a_commit_that_fails_in_other_hands_fails_the_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = small(tmp_path)
    store.open()

    def broken(_self: object) -> float:
        raise ZeroDivisionError("a fault of ours")

    promise = store.commit([a_value(1)])
    with monkeypatch.context() as patch:
        patch.setattr(SystemClock, "now_s", broken)
        with pytest.raises(StoreError, match="a fault of ours"):
            promise.result()

    with pytest.raises(ZeroDivisionError):
        store.commit_waiting(wait_s=0.0)
    assert store.commit([a_value(2)]).result() == [None]
    store.close()


def test_an_acknowledgement_that_nobody_waits_for_is_committed_all_the_same(store: Store) -> None:
    put(store, "1")
    (delivery,) = lease(store)

    assert store.commit([Ack(delivery=delivery)]).result(WAIT_S) == [None]
    assert store.events.steps() == []
