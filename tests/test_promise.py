"""A promise is set once, wakes all who wait, and calls back exactly once."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from motia_actors.errors import TimeLimitError
from motia_actors.promise import Mapped, Promise
from motia_actors.threads import NativeThread, Signal

WAIT_S_MAX = 5.0


def test_it_has_the_value_it_was_set_to() -> None:
    promise: Promise[int] = Promise()

    done = [promise.is_done, promise.set(7), promise.is_done]

    assert done == [False, True, True]
    assert promise.result(timeout_s=0.0) == 7


def test_it_raises_the_error_it_was_set_to() -> None:
    promise: Promise[int] = Promise()
    error = ValueError("no stock")

    assert promise.set_error(error)

    assert promise.error is error
    with pytest.raises(ValueError, match="no stock"):
        promise.result()


def test_a_callback_that_it_was_made_with_hears_of_it_once_and_before_later_ones() -> None:
    heard: list[str] = []
    promise: Promise[int] = Promise(lambda done: heard.append(f"first {done.result()}"))
    promise.on_done(lambda done: heard.append(f"second {done.result()}"))

    done = [promise.set(7), promise.set(8)]

    assert (done, heard) == ([True, False], ["first 7", "second 7"])


def test_none_is_a_value() -> None:
    promise: Promise[None] = Promise()

    promise.set(None)

    promise.result(timeout_s=0.0)
    assert promise.is_done
    assert promise.error is None


@pytest.mark.parametrize("first", ["value", "error"])
def test_what_comes_second_is_ignored_and_answered_false(first: str) -> None:
    promise: Promise[str] = Promise()
    error = ValueError("first")
    assert promise.set("first") if first == "value" else promise.set_error(error)

    assert not promise.set("second")
    assert not promise.set_error(KeyError("second"))

    if first == "value":
        assert promise.result() == "first"
    else:
        assert promise.error is error


def test_one_may_be_made_kept_or_broken() -> None:
    kept = Promise.of(3)
    broken: Promise[int] = Promise.broken(ValueError("gone"))

    assert kept.is_done
    assert broken.is_done
    assert kept.result() == 3
    assert not kept.set(4)
    with pytest.raises(ValueError, match="gone"):
        broken.result()


@pytest.mark.parametrize("limit_s", [0.0, 0.001, -1.0])
def test_waiting_ends_at_its_limit(limit_s: float) -> None:
    promise: Promise[int] = Promise()

    with pytest.raises(TimeLimitError):
        promise.result(timeout_s=limit_s)


def test_a_value_after_the_limit_is_still_delivered() -> None:
    promise: Promise[int] = Promise()
    with pytest.raises(TimeLimitError):
        promise.result(timeout_s=0.0)

    assert promise.set(1)
    assert promise.result() == 1


def test_everyone_who_waits_is_woken() -> None:
    promise: Promise[int] = Promise()
    found: list[int] = []
    waiters = [
        NativeThread(lambda: found.append(promise.result(WAIT_S_MAX)), name=f"waiter-{count}")
        for count in range(4)
    ]
    for waiter in waiters:
        waiter.start()

    promise.set(9)

    assert all(waiter.join(WAIT_S_MAX) for waiter in waiters)
    assert found == [9, 9, 9, 9]


def test_callbacks_are_called_once_each_in_the_order_they_came() -> None:
    promise: Promise[int] = Promise()
    called: list[tuple[str, int]] = []
    promise.on_done(lambda done: called.append(("first", done.result())))
    promise.on_done(lambda done: called.append(("second", done.result())))
    assert called == []

    promise.set(1)
    promise.set(2)

    assert called == [("first", 1), ("second", 1)]


def test_a_callback_on_a_kept_promise_is_called_at_once() -> None:
    called: list[Promise[int]] = []
    promise = Promise.of(1)

    promise.on_done(called.append)

    assert called == [promise]


def test_a_callback_may_use_the_promise_and_add_another() -> None:
    promise: Promise[int] = Promise()
    called: list[str] = []
    promise.on_done(lambda done: done.on_done(lambda _: called.append("inner")))

    promise.set(1)

    assert called == ["inner"]


def test_of_many_threads_that_set_it_exactly_one_is_told_that_it_did() -> None:
    promise: Promise[int] = Promise()
    go: Promise[None] = Promise()
    told: list[bool] = []

    def race(value: int) -> None:
        go.result(WAIT_S_MAX)
        told.append(promise.set(value))

    threads = [NativeThread(partial(race, value), name="racer") for value in range(8)]
    for thread in threads:
        thread.start()
    go.set(None)

    assert all(thread.join(WAIT_S_MAX) for thread in threads)
    assert sorted(told) == [False] * 7 + [True]
    assert promise.result() in range(8)


def test_the_thread_that_sets_it_runs_the_callbacks_before_it_goes_on() -> None:
    promise: Promise[int] = Promise()
    order: list[str] = []
    ended = Signal()
    promise.on_done(lambda _: order.append("callback"))

    def setter() -> None:
        promise.set(1)
        order.append("after")
        ended.set()

    NativeThread(setter, name="setter").start()

    assert ended.wait(WAIT_S_MAX)
    assert order == ["callback", "after"]


def test_what_is_made_of_a_value_comes_with_it_and_asks_for_it() -> None:
    source: Promise[int] = Promise()
    asked: list[Promise[str]] = []
    mapped = Mapped(source, lambda value: f"{value}!")
    mapped.on_done(asked.append)
    assert (mapped.is_done, mapped.error) == (False, None)
    with pytest.raises(TimeLimitError):
        mapped.result(0.0)

    source.set(7)

    assert (mapped.is_done, mapped.error, mapped.result()) == (True, None, "7!")
    assert asked == [mapped]


def test_an_error_of_either_is_the_error() -> None:
    broken: Mapped[int] = Mapped(Promise.broken(ValueError("no")), int)
    unmade: Mapped[int] = Mapped(Promise.of("x"), int)

    assert isinstance(broken.error, ValueError)
    assert isinstance(unmade.error, ValueError)
    for promise in (broken, unmade):
        with pytest.raises(ValueError, match=r"no|invalid"):
            promise.result()


class Eager(Promise[int]):
    """Notes who is in a hurry."""

    def __init__(self) -> None:
        super().__init__()
        self.hurries = 0

    def on_done(self, callback: Callable[[Promise[int]], None]) -> None:
        """Note it."""
        self.hurries += 1
        super().on_done(callback)


def test_who_only_watches_is_in_no_hurry() -> None:
    source, seen = Eager(), list[int]()
    mapped = Mapped(source, lambda value: value + 1)

    mapped.watch(lambda promise: seen.append(promise.result()))
    assert source.hurries == 0
    mapped.on_done(lambda promise: seen.append(promise.result()))
    assert source.hurries == 1

    source.set(1)
    assert seen == [2, 2]
