"""The janitor forgets what has expired, and only one does."""

from __future__ import annotations

from motia_actors.actors.actor import Tick
from motia_actors.actors.janitor import LOCK, ROWS_MAX, Retention
from motia_actors.clock import ManualClock
from motia_actors.store import Bury, Lease
from tests.actors.rig import WAIT_S, Rig, plan, put, running


def bury(rig: Rig, step: str, count: int) -> None:
    """Leave dead letters behind."""
    for _ in range(count):
        put(rig.system, rig.store, "made")
    for delivery in rig.store.write(Lease(step=step, count_max=count, visibility_s=60.0)):
        rig.store.write(Bury(delivery=delivery, error="died"))


def beat(rig: Rig) -> None:
    rig.system._tree.cells["janitor"].ask(Tick()).result(WAIT_S)


def test_dead_letters_past_their_age_are_forgotten() -> None:
    clock = ManualClock()
    step = plan(lambda _call: None, kind="event", subscribes=("made",))

    with running(step, clock=clock, retention=Retention(dead_age_s=100.0)) as rig:
        rig.system.suspend(step.step.id)
        bury(rig, step.step.id, 3)
        beat(rig)
        kept = rig.store.events.depth(step.step.id).dead
        clock.advance(101.0)
        beat(rig)

        assert (kept, rig.store.events.depth(step.step.id).dead) == (3, 0)


def test_more_than_one_commit_takes_are_forgotten_in_one_beat() -> None:
    step = plan(lambda _call: None, kind="event", subscribes=("made",))

    with running(step, retention=Retention(dead_count_max=1)) as rig:
        rig.system.suspend(step.step.id)
        bury(rig, step.step.id, ROWS_MAX + 10)
        beat(rig)

        assert rig.store.events.depth(step.step.id).dead == 1


def test_a_janitor_that_ends_lets_another_begin() -> None:
    with running() as rig:
        beat(rig)
        rig.settle()

        assert rig.store.locks.try_hold(LOCK)
