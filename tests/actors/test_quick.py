"""Steps that are quick: one thread runs what comes, and others only when it is late."""

from __future__ import annotations

import threading

from motia_actors.actors.inline import Trust
from motia_actors.messages import Call
from motia_actors.promise import Promise
from tests.actors.rig import WAIT_S, plan, put, running


def test_what_waits_behind_a_quick_step_that_turned_slow_is_run_by_others() -> None:
    release, hung = threading.Event(), threading.Event()
    heard: list[object] = []
    quick, others = Promise[None](), Promise[None]()

    def work(call: Call) -> None:
        if call.input == "hang":
            hung.set()
            release.wait(2 * WAIT_S)
            return
        heard.append(call.input)
        if len(heard) == 40:
            quick.set(None)
        if len(heard) == 48:
            others.set(None)

    step = plan(work, kind="event", subscribes=("made",), concurrency=4)
    with running(step) as rig:
        for number in range(40):
            put(rig.system, rig.store, "made", number)
        quick.result(WAIT_S)
        put(rig.system, rig.store, "made", "hang")
        assert hung.wait(WAIT_S)
        for number in range(40, 48):
            put(rig.system, rig.store, "made", number)
        try:
            others.result(WAIT_S)  # Though the thread that was to come for them does not.
        finally:
            release.set()

    assert {*heard} == {*range(48)}


def test_a_quick_step_has_more_at_hand_than_one_for_each_run() -> None:
    trust = Trust()
    assert trust.ahead == 0

    for _ in range(200):
        trust.seen(0.001)
    assert 2 < trust.ahead <= 0.05 / 0.001

    trust.seen(1.0)
    assert trust.ahead == 0
