"""The mailbox: its lanes, its limit and what happens past it."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from motia_actors.actors.mailbox import Control, Mailbox
from motia_actors.errors import ActorStoppedError, MailboxFullError
from motia_actors.steps.config import Overflow
from motia_actors.threads import NativeThread, Signal


class Letter:
    def __init__(self, message: object) -> None:
        self.message = message
        self.reply_to = None


class Order(Control):
    pass


def taken(mailbox: Mailbox) -> list[object]:
    found = []
    while (letter := mailbox.take_nowait()) is not None:
        found.append(letter.message)
    return found


def fill(mailbox: Mailbox, *messages: object) -> None:
    for message in messages:
        mailbox.put(Letter(message))


def test_messages_come_in_the_order_they_went() -> None:
    mailbox = Mailbox("m")

    fill(mailbox, 1, 2, 3)

    assert taken(mailbox) == [1, 2, 3]


def test_control_goes_before_work() -> None:
    mailbox = Mailbox("m")
    order = Order()

    fill(mailbox, 1, order, 2)

    assert taken(mailbox) == [order, 1, 2]


def test_control_is_taken_by_a_full_mailbox() -> None:
    mailbox = Mailbox("m", size_max=1)
    order = Order()

    fill(mailbox, 1, order)

    assert taken(mailbox) == [order, 1]


def test_reject_refuses_what_is_past_the_limit_and_says_so() -> None:
    mailbox = Mailbox("charge", size_max=2)
    fill(mailbox, 1, 2)

    with pytest.raises(MailboxFullError, match=r"'charge' holds 2 messages") as caught:
        fill(mailbox, 3)

    assert caught.value.retry_after_s > 0
    assert taken(mailbox) == [1, 2]
    assert mailbox.statistics().refused == 1


@pytest.mark.parametrize(
    ("overflow", "kept", "lost"), [("drop_oldest", [2, 3], [1]), ("drop_newest", [1, 2], [3])]
)
def test_the_drop_policies_hand_over_the_loser(
    overflow: Overflow, kept: list[int], lost: list[int]
) -> None:
    dropped: list[object] = []
    mailbox = Mailbox(
        "m", size_max=2, overflow=overflow, on_drop=lambda letter: dropped.append(letter.message)
    )

    fill(mailbox, 1, 2, 3)

    assert (taken(mailbox), dropped, mailbox.statistics().dropped) == (kept, lost, 1)


def test_block_waits_for_room() -> None:
    mailbox = Mailbox("m", size_max=1, overflow="block", block_s=10.0)
    fill(mailbox, 1)
    putter = NativeThread(lambda: fill(mailbox, 2), name="putter")
    putter.start()

    first, second = mailbox.take(5.0), mailbox.take(5.0)

    assert (first.message, second.message) == (1, 2)
    assert putter.join(5.0)


def test_block_refuses_when_no_room_came() -> None:
    mailbox = Mailbox("m", size_max=1, overflow="block", block_s=0.01)
    fill(mailbox, 1)

    with pytest.raises(MailboxFullError):
        fill(mailbox, 2)


def test_take_waits_for_a_message() -> None:
    mailbox = Mailbox("m")
    got: list[object] = []
    taker = NativeThread(lambda: got.append(mailbox.take(5.0).message), name="taker")
    taker.start()

    fill(mailbox, "late")

    assert taker.join(5.0)
    assert got == ["late"]


def test_take_answers_none_when_its_time_is_up() -> None:
    assert Mailbox("m").take(0.01) is None


def test_a_helper_takes_work_alone() -> None:
    mailbox = Mailbox("m")
    fill(mailbox, Order(), 1)

    assert mailbox.take(0.01, is_helper=True).message == 1
    assert mailbox.take(0.01, is_helper=True) is None
    assert mailbox.has_control


def test_control_wakes_the_actor_and_not_its_helper() -> None:
    mailbox, got = Mailbox("m"), Signal()
    answers: list[object] = []

    def controller() -> None:
        answers.append(mailbox.take(5.0).message)
        got.set()

    threads = [
        NativeThread(controller, name="controller"),
        NativeThread(lambda: answers.append(mailbox.take(5.0, is_helper=True)), name="helper"),
    ]
    for thread in threads:
        thread.start()

    order = Order()
    fill(mailbox, order)
    assert got.wait(5.0)
    mailbox.kick()

    assert all(thread.join(5.0) for thread in threads)
    assert answers[0] is order


def test_an_arrival_that_nobody_waits_for_is_told() -> None:
    mailbox, arrivals = Mailbox("m"), Signal()
    mailbox.hear(arrivals.set)

    fill(mailbox, 1)

    assert arrivals.wait(0)


def test_who_hears_no_more_takes_nobody_else_along() -> None:
    mailbox, first, second = Mailbox("m"), Signal(), Signal()
    hears_first, hears_second = first.set, second.set
    mailbox.hear(hears_first)
    mailbox.hear(hears_second)

    mailbox.unhear(hears_first)
    fill(mailbox, 1)

    assert (first.wait(0), second.wait(0)) == (False, True)


def test_a_taker_does_not_miss_a_kick_that_came_before_it() -> None:
    mailbox = Mailbox("m")
    kicks = mailbox.kicks

    mailbox.kick()

    assert mailbox.take(30.0, kicks=kicks) is None


def test_a_closed_mailbox_refuses_and_hands_out_what_was_left() -> None:
    mailbox = Mailbox("m")
    fill(mailbox, 1, 2)

    left = mailbox.close()

    assert [letter.message for letter in left] == [1, 2]
    assert mailbox.take(5.0) is None
    with pytest.raises(ActorStoppedError):
        fill(mailbox, 3)


def test_a_smaller_limit_keeps_what_waits() -> None:
    mailbox = Mailbox("m", size_max=3)
    fill(mailbox, 1, 2, 3)

    mailbox.resize(1)

    assert (mailbox.depth, mailbox.size_max) == (3, 1)
    with pytest.raises(MailboxFullError):
        fill(mailbox, 4)


@given(
    st.sampled_from(["reject", "drop_oldest", "drop_newest"]),
    st.integers(1, 5),
    st.lists(st.one_of(st.none(), st.integers()), max_size=60),
)
def test_nothing_is_lost_doubled_or_held_past_the_limit(
    overflow: Overflow, size_max: int, steps: list[int | None]
) -> None:
    dropped: list[object] = []
    mailbox = Mailbox(
        "m", size_max=size_max, overflow=overflow, on_drop=lambda lost: dropped.append(lost.message)
    )
    put: list[object] = []
    out: list[object] = []
    refused = 0
    for step in steps:  # None takes, a number puts.
        if step is None:
            letter = mailbox.take_nowait()
            out += [] if letter is None else [letter.message]
        else:
            try:
                fill(mailbox, step)
                put.append(step)
            except MailboxFullError:
                refused += 1
        assert mailbox.depth <= size_max

    out += taken(mailbox)

    assert sorted([*out, *dropped], key=repr) == sorted(put, key=repr)
    assert refused == mailbox.statistics().refused


def test_many_threads_lose_nothing() -> None:
    mailbox = Mailbox("m", size_max=8, overflow="block", block_s=30.0)
    out: list[int] = []
    lock = threading.Lock()

    def put(first: int) -> None:
        fill(mailbox, *range(first, first + 250))

    def take() -> None:
        for _ in range(250):
            letter = mailbox.take(30.0)
            with lock:
                out.append(letter.message)

    threads = [NativeThread(lambda n=n: put(250 * n), name="put") for n in range(4)]  # type: ignore[misc]
    threads += [NativeThread(take, name="take") for _ in range(4)]
    for thread in threads:
        thread.start()

    assert all(thread.join(30.0) for thread in threads)
    assert sorted(out) == list(range(1000))


def test_work_that_comes_in_a_calm_wakes_nobody_until_they_are_roused() -> None:
    arrived: list[None] = []
    mailbox = Mailbox("m")
    mailbox.hear(lambda: arrived.append(None), is_calm=lambda _sleepers: True)

    fill(mailbox, 1, 2)
    assert arrived == []

    mailbox.rouse()
    assert len(arrived) == 2


def test_control_that_comes_in_a_calm_is_heard() -> None:
    arrived: list[None] = []
    mailbox = Mailbox("m")
    mailbox.hear(lambda: arrived.append(None), is_calm=lambda _sleepers: True)

    fill(mailbox, Order())

    assert len(arrived) == 1
