"""The router: events reach every subscriber, are retried by policy, and end as dead letters."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from motia_actors.actors.actor import Tick
from motia_actors.clock import ManualClock
from motia_actors.errors import QueueFullError
from motia_actors.messages import Call, DeadLetter, Failed
from motia_actors.promise import Promise
from motia_actors.steps.config import Backoff, Infrastructure, MailboxPolicy, QueuePolicy
from motia_actors.store import Extend, Lease, Write
from motia_actors.stores.memory import MemoryStore
from tests.actors.rig import WAIT_S, Rig, plan, put, running

QUICK = Infrastructure(queue=QueuePolicy(retries_max=2, backoff=Backoff(delay_s=0.001)))


class Heard:
    """Remembers calls, and tells when so many have come."""

    def __init__(self, count: int) -> None:
        self.calls: list[Call] = []
        self._count = count
        self.all: Promise[None] = Promise()

    def __call__(self, call: Call) -> None:
        self.calls.append(call)
        if len(self.calls) == self._count:
            self.all.set(None)

    @property
    def inputs(self) -> list[object]:
        return [call.input for call in self.calls]


def test_an_event_reaches_every_subscriber_with_its_trace() -> None:
    one, two = Heard(1), Heard(1)
    steps = [
        plan(one, name="one", kind="event", subscribes=("made",)),
        plan(two, name="two", kind="event", subscribes=("made", "other")),
    ]

    with running(*steps) as rig:
        put(rig.system, rig.store, "made", {"n": 1})
        one.all.result(WAIT_S)
        two.all.result(WAIT_S)

    assert one.inputs == two.inputs == [{"n": 1}]
    assert one.calls[0].trace_id == "T"


def test_a_handled_event_is_gone() -> None:
    heard = Heard(20)
    step = plan(heard, kind="event", subscribes=("made",))

    with running(step) as rig:
        for n in range(20):
            put(rig.system, rig.store, "made", n)
        heard.all.result(WAIT_S)
        rig.settle()

        assert rig.store.events.steps() == []
    assert sorted(heard.inputs, key=repr) == sorted(range(20), key=repr)


def test_nothing_is_taken_past_what_was_leased_and_has_no_mailbox_yet() -> None:
    heard, seen = Heard(1), list[bool]()

    def check(topic: str, data: object) -> None:
        """The router has leased it, and is about to hand it over."""
        seen.append(step.step.id in rig.system._tree.deliveries.behind)

    step = plan(heard, kind="event", subscribes=("made",), check=check)

    with running(step) as rig:
        put(rig.system, rig.store, "made")
        heard.all.result(WAIT_S)

    assert seen == [True]


def test_a_failing_event_runs_again_and_ends_as_a_dead_letter() -> None:
    runs = Heard(3)

    def work(call: Call) -> None:
        runs(call)
        raise ValueError("no")

    step = plan(work, kind="event", subscribes=("made",), infrastructure=QUICK)

    with running(step) as rig:
        put(rig.system, rig.store, "made", 1)
        runs.all.result(WAIT_S)
        rig.settle()
        [dead] = rig.store.events.dead(step.step.id, count_max=10)

    attempts = [call.delivery.attempt for call in runs.calls if call.delivery]
    assert attempts == [1, 2, 3]
    assert (dead.attempts, dead.error, dead.event.data) == (3, "ValueError: no", b"1")


def test_a_step_with_a_limit_of_its_queue_refuses_more_than_that() -> None:
    limited = Infrastructure(queue=QueuePolicy(depth_max=2, delay_s=60.0))
    step = plan(Heard(1), kind="event", subscribes=("made",), infrastructure=limited)

    with running(step) as rig:
        put(rig.system, rig.store, "made", 1)
        put(rig.system, rig.store, "made", 2)

        with pytest.raises(QueueFullError):
            put(rig.system, rig.store, "made", 3)


def test_an_input_that_breaks_its_schema_is_a_dead_letter_at_once() -> None:
    never = Heard(1)
    refused: Promise[None] = Promise()

    def refuse(_topic: str, data: object) -> Failed:
        refused.set(None)
        return Failed(kind="InvalidInputError", message="name", is_final=True)

    step = plan(never, kind="event", subscribes=("made",), check=refuse)

    with running(step) as rig:
        put(rig.system, rig.store, "made", 1)
        refused.result(WAIT_S)
        rig.settle()
        [dead] = rig.store.events.dead(step.step.id, count_max=10)

    assert (dead.error, never.calls) == ("InvalidInputError: name", [])


def test_no_more_is_leased_than_the_step_can_hold() -> None:
    release, entered = threading.Event(), threading.Event()

    def work(call: Call) -> None:
        entered.set()
        release.wait(WAIT_S)

    small = Infrastructure(mailbox=MailboxPolicy(size_max=1))
    step = plan(work, kind="event", subscribes=("made",), concurrency=2, infrastructure=small)

    with running(step) as rig:
        for n in range(10):
            put(rig.system, rig.store, "made", n)
        assert entered.wait(WAIT_S)
        leased = rig.store.events.depth(step.step.id).leased
        release.set()

    assert 1 <= leased <= 3


def test_a_suspended_step_keeps_its_events_and_gets_them_when_it_is_back() -> None:
    heard = Heard(1)
    step = plan(heard, kind="event", subscribes=("made",))

    with running(step) as rig:
        rig.system.suspend(step.step.id)
        put(rig.system, rig.store, "made", 1)
        waiting = rig.store.events.depth(step.step.id).waiting
        rig.system.restart(step.step.id)
        heard.all.result(WAIT_S)

    assert (waiting, heard.inputs) == (1, [1])


def test_draining_gives_back_what_has_not_begun() -> None:
    release, entered = threading.Event(), threading.Event()
    runs: list[object] = []

    def work(call: Call) -> None:
        runs.append(call.input)
        entered.set()
        release.wait(WAIT_S)

    step = plan(work, kind="event", subscribes=("made",), concurrency=1)
    with running(step) as rig:
        for n in range(3):
            put(rig.system, rig.store, "made", n)
        assert entered.wait(WAIT_S)

        rig.system.begin_stop()
        release.set()
        assert rig.system.stop(drain_s=WAIT_S)

        depth = rig.store.events.depth(step.step.id)
        assert (depth.leased, depth.waiting + len(runs)) == (0, 3)


def test_a_lease_is_renewed_as_long_as_its_handler_lives() -> None:
    release, entered = threading.Event(), threading.Event()

    def work(call: Call) -> None:
        entered.set()
        release.wait(WAIT_S)

    clock = ManualClock()
    queue = Infrastructure(queue=QueuePolicy(visibility_s=30.0))
    step = plan(work, kind="event", subscribes=("made",), infrastructure=queue, limit_s=None)
    with running(step, clock=clock) as rig:
        put(rig.system, rig.store, "made", 1)
        assert entered.wait(WAIT_S)
        for _ in range(9):
            clock.advance(10.0)
            _tick(rig, "router")
        leased = rig.store.events.depth(step.step.id).leased
        release.set()
        rig.settle()

        assert (leased, rig.store.events.steps()) == (1, [])


def test_an_end_that_meets_a_renewal_waits_for_it() -> None:
    class SlowStore(MemoryStore):
        """Keeps the promise of a renewal back."""

        kept: Promise[list[object]] | None = None

        def commit(
            self, writes: Sequence[Write[object]], *, may_use_reserve: bool = False
        ) -> Promise[list[object]]:
            promise = super().commit(writes)
            if not isinstance(writes[0], Extend):
                return promise
            self.renewed = promise
            self.kept = Promise()
            return self.kept

    release, entered = threading.Event(), threading.Event()

    def work(call: Call) -> None:
        entered.set()
        release.wait(WAIT_S)

    clock = ManualClock()
    store = SlowStore(clock)
    queue = Infrastructure(queue=QueuePolicy(visibility_s=30.0))
    step = plan(work, kind="event", subscribes=("made",), infrastructure=queue, limit_s=None)
    with running(step, clock=clock, store=store) as rig:
        put(rig.system, store, "made", 1)
        assert entered.wait(WAIT_S)
        clock.advance(10.0)
        _tick(rig, "router")
        release.set()
        assert store.kept is not None
        store.kept.set(store.renewed.result(WAIT_S))
        rig.settle()

        assert store.events.steps() == []


def test_a_delivery_that_took_its_process_with_it_too_often_is_buried() -> None:
    never = Heard(1)
    step = plan(never, kind="event", subscribes=("made",), infrastructure=QUICK)
    with running(step) as rig:
        rig.system.suspend(step.step.id)
        put(rig.system, rig.store, "made", 1)
        for _ in range(3):  # As by processes that were killed: leased, and never answered.
            [lost] = rig.store.write(Lease(step=step.step.id, count_max=1, visibility_s=0.0))
        rig.system.restart(step.step.id)
        buried = _buried(rig, step.step.id)

    assert (lost.attempt, never.calls) == (3, [])
    assert "none of them answered" in buried.error


def _buried(rig: Rig, step: str) -> DeadLetter:
    """Wait for the step's only dead letter, which wakes nobody when it is kept."""
    pause = threading.Event()
    for _ in range(500):
        letters = rig.store.events.dead(step, count_max=2)
        if letters:
            [letter] = letters
            return letter
        pause.wait(0.01)
    raise AssertionError("nothing was buried")


def test_a_cron_slot_runs_its_step_once() -> None:
    ticks = Heard(1)
    clock = ManualClock(1_700_000_000.0)
    step = plan(ticks, name="tick", kind="cron", cron="*/5 * * * * *", concurrency=1)

    with running(step, clock=clock) as rig:
        # The first tick of the clock makes it the leader; then its slot comes.
        _tick(rig, "clock")
        clock.advance(5.0)
        _tick(rig, "clock")
        ticks.all.result(WAIT_S)
        _tick(rig, "clock")

        assert rig.store.events.last_slot_s(step.step.id) == pytest.approx(1_700_000_005.0)
    assert [call.kind for call in ticks.calls] == ["cron"]


def _tick(rig: Rig, actor: str) -> None:
    rig.system._tree.cells[actor].ask(Tick()).result(WAIT_S)
