"""The loop whose thread may be lent, and lost."""

from __future__ import annotations

import logging
import random
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from motia_actors.threads import Signal
from motia_actors.web.poller import Poller

WAIT_S_MAX = 5.0


@pytest.fixture
def poller() -> Iterator[Poller]:
    poller = Poller()
    poller.start()
    yield poller
    poller.stop()


def thread_of(poller: Poller) -> int:
    """The thread that leads."""
    found, told = list[int](), Signal()

    def look() -> None:
        found.append(threading.get_ident())
        told.set()

    poller.call_soon_threadsafe(look)
    assert told.wait(WAIT_S_MAX)
    return found[0]


class Task:
    """A job that does something, and tells of its end."""

    def __init__(self, work: Callable[[], object] = lambda: None) -> None:
        self._work = work
        self.ran_on: int | None = None
        self.finished_on = list[int]()
        self.begun, self.finished = Signal(), Signal()

    def run(self) -> None:
        self.ran_on = threading.get_ident()
        self.begun.set()
        self._work()

    def finish(self) -> None:
        self.finished_on.append(threading.get_ident())
        self.finished.set()

    def lent_by(self, poller: Poller) -> Task:
        poller.call_soon_threadsafe(lambda: poller.lend(self))
        return self


def test_readers_and_writers_are_called_until_they_are_removed(
    poller: Poller, pair: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = pair
    heard, writable = Signal(), Signal()
    received = list[bytes]()

    def read() -> None:
        received.append(ours.recv(100))
        if received[-1] == b"end":
            poller.remove_reader(ours.fileno())
        heard.set()

    def write() -> None:
        poller.remove_writer(ours.fileno())
        writable.set()

    poller.call_soon_threadsafe(lambda: poller.add_reader(ours.fileno(), read))
    for data in (b"a", b"b", b"end"):
        theirs.send(data)
        assert heard.wait(WAIT_S_MAX)
    poller.call_soon_threadsafe(lambda: poller.add_writer(ours.fileno(), write))
    assert writable.wait(WAIT_S_MAX)
    theirs.send(b"c")

    thread_of(poller)
    assert received == [b"a", b"b", b"end"]


def test_timers_ring_in_their_order_unless_they_are_cancelled(poller: Poller) -> None:
    rung, done = list[str](), Signal()

    def set_up() -> None:
        poller.call_later(0.002, lambda: rung.append("second"))
        poller.call_later(0.003, done.set)
        poller.call_later(0.001, lambda: rung.append("first"))
        poller.call_later(0.0015, lambda: rung.append("never")).cancel()

    poller.call_soon_threadsafe(set_up)

    assert done.wait(WAIT_S_MAX)
    assert rung == ["first", "second"]


def test_a_call_that_fails_is_logged_and_the_others_come(
    poller: Poller, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        leader = thread_of(poller)
        poller.call_soon_threadsafe(lambda: 1 // 0)
        poller.call_soon_threadsafe(lambda: sys.exit(3))
        assert thread_of(poller) == leader

    assert "ZeroDivisionError" in caplog.text
    assert "SystemExit" in caplog.text


def test_what_is_lent_for_a_moment_runs_and_finishes_on_the_thread_that_leads(
    poller: Poller,
) -> None:
    leader = thread_of(poller)

    tasks = [Task().lent_by(poller) for _ in range(100)]

    assert all(task.finished.wait(WAIT_S_MAX) for task in tasks)
    assert {task.ran_on for task in tasks} == {leader}
    assert [task.finished_on for task in tasks] == [[leader]] * 100


def test_what_hangs_keeps_its_thread_and_another_leads(
    poller: Poller, pair: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = pair
    heard, gate = Signal(), Signal()

    def read() -> None:
        ours.recv(100)
        heard.set()

    poller.call_soon_threadsafe(lambda: poller.add_reader(ours.fileno(), read))
    leader = thread_of(poller)
    stuck = Task(lambda: gate.wait(WAIT_S_MAX)).lent_by(poller)
    assert stuck.begun.wait(WAIT_S_MAX)

    theirs.send(b"x")

    assert heard.wait(WAIT_S_MAX)
    assert stuck.ran_on == leader
    second = thread_of(poller)
    assert second != leader
    assert not stuck.finished_on
    gate.set()
    assert stuck.finished.wait(WAIT_S_MAX)
    assert stuck.finished_on == [thread_of(poller)] == [second]


def test_a_thread_that_comes_back_stands_by_for_the_next_that_hangs(poller: Poller) -> None:
    def running() -> int:
        return sum(one.name == "poller" for one in threading.enumerate())

    for _ in range(5):
        gate = Signal()
        stuck = Task(lambda gate=gate: gate.wait(WAIT_S_MAX)).lent_by(poller)  # type: ignore[misc]
        assert stuck.begun.wait(WAIT_S_MAX)
        thread_of(poller)
        gate.set()
        assert stuck.finished.wait(WAIT_S_MAX)

    until_s = time.monotonic() + WAIT_S_MAX
    while running() > 2 and time.monotonic() < until_s:
        thread_of(poller)
    assert running() <= 2


def test_however_many_hang_one_leads(poller: Poller) -> None:
    gate = threading.Event()
    stuck = [Task(lambda: gate.wait(WAIT_S_MAX)) for _ in range(4)]

    for task in stuck:
        task.lent_by(poller)
        assert task.begun.wait(WAIT_S_MAX)
    quick = Task().lent_by(poller)

    assert quick.finished.wait(WAIT_S_MAX)
    leaders = {task.ran_on for task in (*stuck, quick)}
    assert len(leaders) == 5
    gate.set()
    assert all(task.finished.wait(WAIT_S_MAX) for task in stuck)


def test_what_it_was_asked_for_is_done_before_it_ends() -> None:
    poller, rung = Poller(), list[str]()
    poller.start()

    poller.call_soon_threadsafe(lambda: poller.call_soon(rung.append, "then"))
    poller.stop()

    assert rung == ["then"]


def test_what_is_about_to_wait_says_so_and_nobody_waits_for_it(poller: Poller) -> None:
    gate = Signal()

    def work() -> None:
        poller.cede()
        gate.wait(WAIT_S_MAX)

    leader = thread_of(poller)
    task = Task(work).lent_by(poller)
    assert task.begun.wait(WAIT_S_MAX)

    assert thread_of(poller) != leader
    gate.set()
    assert task.finished.wait(WAIT_S_MAX)
    assert len(task.finished_on) == 1


def test_what_was_at_hand_with_what_hangs_is_carried_on_with(poller: Poller) -> None:
    gate = Signal()
    stuck, others = Task(lambda: gate.wait(WAIT_S_MAX)), [Task() for _ in range(10)]

    def lend_all() -> None:
        for task in (stuck, *others):
            poller.lend(task)

    poller.call_soon_threadsafe(lend_all)

    assert all(task.finished.wait(WAIT_S_MAX) for task in others)
    assert not stuck.finished_on
    gate.set()
    assert stuck.finished.wait(WAIT_S_MAX)


def test_a_job_may_lend_the_next_and_others_have_their_turn_between(poller: Poller) -> None:
    order, done = list[str](), Signal()

    class Chain(Task):
        def finish(self) -> None:
            order.append("job")
            if len(order) < 6:
                poller.lend(self)
                poller.call_soon(order.append, "call")
            else:
                done.set()

    Chain().lent_by(poller)

    assert done.wait(WAIT_S_MAX)
    assert order == ["job", "call", "job", "call", "job", "call", "job"]


@pytest.mark.parametrize("seed", range(3))
def test_each_job_ends_once_however_often_the_lead_changes(poller: Poller, seed: int) -> None:
    chance = random.Random(seed)
    never = Signal()

    def work() -> None:
        kind = chance.random()
        if kind < 0.1:
            never.wait(0.012)  # Longer than the other thread's two looks.
        elif kind < 0.2:
            poller.cede()

    tasks = [Task(work) for _ in range(300)]
    for task in tasks:
        task.lent_by(poller)

    assert all(task.finished.wait(WAIT_S_MAX) for task in tasks)
    thread_of(poller)
    assert {len(task.finished_on) for task in tasks} == {1}


def test_its_threads_end_with_it() -> None:
    poller = Poller()
    poller.start()
    Task().lent_by(poller)
    thread_of(poller)
    before = len(list(Path("/proc/self/fd").iterdir()))

    poller.stop()

    assert not any(one.name == "poller" and one.is_alive() for one in threading.enumerate())
    assert len(list(Path("/proc/self/fd").iterdir())) == before - 3


def test_what_lost_the_lead_cedes_none_that_another_has(poller: Poller) -> None:
    late, beside, over = Signal(), Signal(), Signal()

    def work() -> None:
        late.wait(WAIT_S_MAX)
        poller.cede()
        over.set()

    lost = Task(work).lent_by(poller)
    assert lost.begun.wait(WAIT_S_MAX)
    thread_of(poller)  # Another leads now.
    roused = list[int]()
    with pytest.MonkeyPatch.context() as patch:
        # Nobody stands by, and no thread is to be had.
        patch.setattr(poller, "_rouse", lambda: roused.append(threading.get_ident()))
        lent = Task(lambda: beside.wait(WAIT_S_MAX)).lent_by(poller)
        assert lent.begun.wait(WAIT_S_MAX)
        late.set()
        assert over.wait(WAIT_S_MAX)
        beside.set()
        assert lent.finished.wait(WAIT_S_MAX)

    assert lent.finished_on == [lent.ran_on]
    assert lost.ran_on not in roused
