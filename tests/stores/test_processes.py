"""Several processes on one folder: what one commits all see, and a dead one holds nothing."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import SimpleQueue

import pytest

from motia_actors.clock import SystemClock
from motia_actors.errors import StoreClosedError
from motia_actors.messages import Target, Wake
from motia_actors.store import EventPut, Lease, StateSet, Store, StreamSend
from motia_actors.stores.lmdb import LmdbStore
from tests.stores.driving import WAIT_S, an_event, driven, ids, lease, put

pytestmark = pytest.mark.slow


class Child:
    """A process of its own on the folder."""

    def __init__(self, path: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.stores.child", str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )
        assert self.hear() == "ready"

    def ask(self, word: str) -> str:
        self.tell(word)
        return self.hear()

    def tell(self, word: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(word.encode() + b"\n")
        self.process.stdin.flush()

    def hear(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().decode().rstrip("\n")

    def kill(self) -> list[str]:
        """Kill -9; answers what it had still said."""
        self.process.kill()
        assert self.process.stdin is not None
        self.process.stdin.close()
        assert self.process.stdout is not None
        with self.process.stdout as rest:
            lines = rest.read().decode().splitlines()
        self.process.wait(WAIT_S)
        return lines


@contextmanager
def child_on(path: Path) -> Iterator[Child]:
    child = Child(path)
    try:
        yield child
    finally:
        if child.process.returncode is None:
            child.kill()


def test_each_process_sees_the_commits_of_the_other(store: Store, tmp_path: Path) -> None:
    with child_on(tmp_path) as child:
        store.write(StateSet(group="g", key="k", value=b"hello"))

        assert child.ask("read") == "hello"
        assert {child.ask("put e1"), child.hear()} == {"done", "woken charge "}
        assert ids(lease(store)) == ["e1"]


def test_a_commit_wakes_the_other_process(store: Store, tmp_path: Path) -> None:
    wakes: SimpleQueue[Wake] = SimpleQueue()
    with child_on(tmp_path) as child:
        store.notifier.listen(wakes.put)
        child.tell("put e1")

        assert wakes.get(timeout=WAIT_S) == Wake(steps=("charge",))
        assert {child.hear(), child.hear()} == {"woken charge ", "done"}
        store.write(StreamSend(stream="s", group="g", item_id=None, data=b"1"))
        assert child.hear() == "woken  s"


def test_a_wake_too_big_for_a_datagram_says_look_at_everything(
    store: Store, tmp_path: Path
) -> None:
    with child_on(tmp_path) as child:
        targets = tuple(Target(step=f"{'x' * 1000}{number}") for number in range(50))
        store.write(EventPut(event=an_event(), targets=targets))

        assert child.hear() == "woken  "


def test_a_lock_is_free_again_when_its_process_is_killed(store: Store, tmp_path: Path) -> None:
    with child_on(tmp_path) as child:
        assert child.ask("hold cron") == "True"
        assert not store.locks.try_hold("cron")
        assert store.locks.try_hold("other")
        assert child.ask("hold other") == "False"

        child.kill()

        assert store.locks.try_hold("cron")


def test_the_leases_of_a_killed_process_are_free_at_once(store: Store, tmp_path: Path) -> None:
    put(store, "e1")
    put(store, "e2")
    with child_on(tmp_path) as child:
        assert child.ask("lease") == "e1 e2"
        assert store.events.free_dead_owners() == 0
        child.kill()
    wakes: list[Wake] = []
    store.notifier.listen(wakes.append)

    assert store.events.free_dead_owners() == 2

    assert wakes == [Wake(steps=("charge",))]
    assert [(one.event.id, one.attempt) for one in lease(store)] == [("e1", 2), ("e2", 2)]
    assert store.events.free_dead_owners() == 0
    assert len(list((tmp_path / "owners").iterdir())) == 1


def test_the_socket_of_a_killed_process_is_cleared_away(store: Store, tmp_path: Path) -> None:
    with child_on(tmp_path) as child:
        child.kill()
    assert len(list((tmp_path / "wake").iterdir())) == 2

    put(store, "e1")
    lease(store)

    assert len(list((tmp_path / "wake").iterdir())) == 1


def test_kill_9_in_the_middle_of_writing_loses_nothing_acknowledged(tmp_path: Path) -> None:
    with child_on(tmp_path) as child:
        child.tell("flood")
        said = [child.hear() for _ in range(60)] + child.kill()
    acknowledged = [int(line) for line in said if line.isdecimal()]

    with driven(LmdbStore(tmp_path, SystemClock())) as store:
        kept = {item.key for item in store.state.group("flood")}

        assert len(acknowledged) > 20
        assert {str(number) for number in acknowledged} <= kept
        assert len(store.streams.group("s", "g")) in {len(kept), len(kept) - 1}
        store.write(StateSet(group="g", key="k", value=b"1"))


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_forked_child_is_refused_and_does_its_parent_no_harm(store: Store) -> None:
    store.write(StateSet(group="g", key="k", value=b"1"))

    pid = os.fork()
    if pid == 0:
        os._exit(_calls_not_refused(store))
    _, status = os.waitpid(pid, 0)

    assert os.waitstatus_to_exitcode(status) == 0
    store.write(StateSet(group="g", key="k", value=b"2"))
    assert store.state.get("g", "k") == b"2"
    assert store.events.free_dead_owners() == 0


def _calls_not_refused(store: Store) -> int:
    calls: list[Callable[[], object]] = [
        lambda: store.state.get("g", "k"),
        lambda: store.write(StateSet(group="g", key="k", value=b"3")),
        lambda: store.locks.try_hold("l"),
        lambda: store.events.free_dead_owners(),
        lambda: store.statistics(),
    ]
    refused = 0
    for call in calls:
        with suppress(StoreClosedError):
            call()
            continue
        refused += 1
    store.close()
    gc.collect()
    return len(calls) - refused


def test_a_lease_survives_its_stores_close_and_is_freed_by_the_next(tmp_path: Path) -> None:
    with driven(LmdbStore(tmp_path, SystemClock())) as store:
        put(store, "e1")
        store.write(Lease(step="charge", count_max=1, visibility_s=900.0))

    with driven(LmdbStore(tmp_path, SystemClock())) as store:
        assert lease(store) == []
        assert store.events.free_dead_owners() == 1
        assert ids(lease(store)) == ["e1"]


def test_a_counter_of_three_processes_is_exact(tmp_path: Path) -> None:
    path = tmp_path / "store"
    with child_on(path) as one, child_on(path) as two, child_on(path) as three:
        children = [one, two, three]
        for child in children:
            child.tell("count 200")

        assert [child.hear() for child in children] == ["done"] * 3
        assert one.ask("read") == "600"
