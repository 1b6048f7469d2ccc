"""Native threads, locks and selectors, without gevent and with it.

Patching cannot be undone, so what is said of gevent runs in a process of its own: it prints
`ok` at its end, and everything it printed is shown where it does not.
"""

from __future__ import annotations

import _thread
import asyncio
import selectors
import subprocess
import sys
import threading
from textwrap import dedent

import pytest

from motia_actors.threads import (
    NativeThread,
    Signal,
    allocate_lock,
    is_patched,
    native_calls,
    native_selector,
    start_detached,
)

WAIT_S_MAX = 5.0
PROCESS_S_MAX = 30.0


def test_nothing_is_patched_here() -> None:
    assert not is_patched()
    assert native_calls(1) is None


def test_a_thread_runs_its_target_once_under_its_name() -> None:
    names: list[str] = []
    thread = NativeThread(lambda: names.append(threading.current_thread().name), name="till")

    thread.start()

    assert thread.join(WAIT_S_MAX)
    assert names == ["till"]


def test_a_thread_never_keeps_the_process_alive() -> None:
    seen: list[bool] = []
    thread = NativeThread(lambda: seen.append(threading.current_thread().daemon), name="till")

    thread.start()

    assert thread.join(WAIT_S_MAX)
    assert seen == [True]


def test_joining_ends_at_its_limit_and_may_be_tried_again() -> None:
    go = Signal()
    waits: list[bool] = []
    thread = NativeThread(lambda: waits.append(go.wait(WAIT_S_MAX)), name="till")
    thread.start()

    in_time = thread.join(0.001)
    go.set()

    assert not in_time
    assert thread.join(WAIT_S_MAX)
    assert thread.join(WAIT_S_MAX)
    assert waits == [True]


def test_a_target_that_raises_ends_its_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    hooked = Signal()
    monkeypatch.setattr(threading, "excepthook", lambda _: hooked.set())

    def target() -> None:
        raise ValueError("no change left")

    thread = NativeThread(target, name="till")

    thread.start()

    assert thread.join(WAIT_S_MAX)
    assert hooked.wait(WAIT_S_MAX)


def test_a_signal_set_before_the_wait_lets_it_return_at_once() -> None:
    signal = Signal()

    signal.set()
    signal.set()

    assert signal.wait(0.0)


def test_waiting_lowers_the_signal_again() -> None:
    signal = Signal()
    signal.set()

    waits = [signal.wait(0.0), signal.wait(0.0), signal.wait(-1.0)]

    assert waits == [True, False, False]


def test_a_signal_wakes_its_waiter() -> None:
    signal, woken = Signal(), Signal()

    def waiter() -> None:
        if signal.wait():
            woken.set()

    NativeThread(waiter, name="waiter").start()
    signal.set()

    assert woken.wait(WAIT_S_MAX)


def test_a_wait_of_years_is_no_overflow() -> None:
    signal = Signal()
    signal.set()

    assert signal.wait(1e12)


def test_a_detached_call_is_made_on_another_thread() -> None:
    done = Signal()
    ran: list[int] = []

    def target() -> None:
        ran.append(_thread.get_ident())
        done.set()

    start_detached(target)

    assert done.wait(WAIT_S_MAX)
    assert ran != [_thread.get_ident()]


def test_locks_are_those_of_the_interpreter() -> None:
    assert type(allocate_lock()) is _thread.LockType


def test_the_selector_is_the_usual_one_and_drives_a_loop() -> None:
    loop = asyncio.SelectorEventLoop(native_selector())
    try:
        assert loop.run_until_complete(asyncio.sleep(0, "ran")) == "ran"
    finally:
        loop.close()
    with native_selector() as selector:
        assert isinstance(selector, selectors.DefaultSelector)


PREAMBLE = """
from gevent import monkey
monkey.patch_all()
import asyncio, os, select, selectors, socket, threading, time
import gevent
from motia_actors.promise import Promise
from motia_actors.threads import *
from motia_actors import threads

def native_ident():
    return monkey.get_original("_thread", "get_ident")()

MAIN = native_ident()
"""


def under_gevent(code: str) -> None:
    """Run code where gevent has patched everything."""
    pytest.importorskip("gevent")
    result = subprocess.run(
        [sys.executable, "-c", PREAMBLE + dedent(code) + "\nprint('ok')"],
        capture_output=True,
        text=True,
        timeout=PROCESS_S_MAX,
        check=False,
    )
    assert result.stdout.endswith("ok\n"), result.stdout + result.stderr
    assert result.stderr == ""


@pytest.mark.slow
def test_under_gevent_a_thread_is_one_of_the_system() -> None:
    under_gevent(
        """
        assert threads.is_patched()
        seen = []
        thread = NativeThread(lambda: seen.append(native_ident()), name="till")
        thread.start()
        assert thread.join(5.0)
        assert seen and seen != [MAIN], seen
        """
    )


@pytest.mark.slow
def test_under_gevent_a_blocked_thread_holds_up_no_greenlet() -> None:
    under_gevent(
        """
        go, count = Signal(), []
        # A plain greenlet would never get past this: the wait is not gevent's.
        thread = NativeThread(lambda: go.wait(5.0), name="blocker")
        thread.start()

        def ticks():
            for _ in range(3):
                count.append(1)
                gevent.sleep(0)
            go.set()

        gevent.spawn(ticks).join(timeout=5.0)
        assert thread.join(5.0)
        assert len(count) == 3
        """
    )


@pytest.mark.slow
def test_under_gevent_native_calls_let_greenlets_go_on() -> None:
    under_gevent(
        """
        calls = native_calls(2)
        promise, order = Promise(), []

        def asks():
            order.append("asks")
            order.append(calls(lambda: promise.result(5.0)))

        def answers():
            order.append("answers")
            promise.set("answer")

        gevent.joinall([gevent.spawn(asks), gevent.spawn(answers)], timeout=5.0)
        assert order == ["asks", "answers", "answer"], order
        """
    )


@pytest.mark.slow
def test_under_gevent_native_calls_raise_what_the_call_raises_and_print_nothing() -> None:
    under_gevent(
        """
        calls = native_calls(1)
        promise = Promise.broken(KeyError("gone"))
        try:
            calls(promise.result)
        except KeyError:
            pass
        else:
            raise AssertionError("not raised")
        """
    )


@pytest.mark.slow
def test_under_gevent_calls_over_the_count_wait_their_turn() -> None:
    under_gevent(
        """
        calls = native_calls(2)
        guard, running, most = allocate_lock(), [0], [0]

        def call():
            with guard:
                running[0] += 1
                most[0] = max(most[0], running[0])
            Signal().wait(0.01)
            with guard:
                running[0] -= 1

        gevent.joinall([gevent.spawn(calls, call) for _ in range(6)], timeout=5.0)
        assert most == [2], most
        """
    )


LOOP = """
def serve(on_loop):
    promise = Promise()
    def run():
        loop = asyncio.SelectorEventLoop(native_selector())
        try:
            promise.set(loop.run_until_complete(on_loop(loop)))
        except BaseException as error:
            promise.set_error(error)
        finally:
            loop.close()
    thread = NativeThread(run, name="loop")
    thread.start()
    return promise, thread
"""


@pytest.mark.slow
def test_under_gevent_a_loop_on_a_native_thread_has_timers_wakeups_and_sockets() -> None:
    under_gevent(
        LOOP
        + dedent(
            """
            assert not isinstance(native_selector(), selectors.DefaultSelector)
            loops = Promise()

            async def on_loop(loop):
                await asyncio.sleep(0.001)
                woken = asyncio.Event()
                loops.set((loop, woken))
                await asyncio.wait_for(woken.wait(), 5.0)
                async def echo(reader, writer):
                    writer.write((await reader.readline()).upper())
                    await writer.drain()
                    writer.close()
                server = await asyncio.start_server(echo, "127.0.0.1", 0)
                port = server.sockets[0].getsockname()[1]
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(b"hi\\n")
                line = await asyncio.wait_for(reader.readline(), 5.0)
                writer.close()
                server.close()
                return line

            calls = native_calls(1)
            promise, thread = serve(on_loop)
            loop, woken = calls(lambda: loops.result(5.0))
            loop.call_soon_threadsafe(woken.set)
            assert calls(lambda: promise.result(5.0)) == b"HI\\n"
            assert thread.join(5.0)
            """
        )
    )


@pytest.mark.slow
def test_under_gevent_the_selector_reports_what_is_ready_and_no_more() -> None:
    under_gevent(
        """
        left, right = socket.socketpair()
        selector = native_selector()
        selector.register(left, selectors.EVENT_READ, "read")
        assert selector.select(0) == []
        assert selector.select(0.001) == []
        os.write(right.fileno(), b"x")
        [(key, events)] = selector.select(5.0)
        assert (key.data, events) == ("read", selectors.EVENT_READ)

        selector.modify(left, selectors.EVENT_READ | selectors.EVENT_WRITE, "both")
        [(key, events)] = selector.select(5.0)
        assert (key.data, events) == ("both", selectors.EVENT_READ | selectors.EVENT_WRITE)

        selector.modify(left, selectors.EVENT_WRITE, "write")
        [(key, events)] = selector.select(0)
        assert (key.data, events) == ("write", selectors.EVENT_WRITE)

        selector.modify(left, selectors.EVENT_READ, "read")
        os.read(left.fileno(), 1)
        right.close()
        [(key, events)] = selector.select(5.0)
        assert events == selectors.EVENT_READ, "the other end is gone: reading answers so"
        selector.unregister(left)
        assert selector.select(0) == []
        selector.close()
        """
    )
