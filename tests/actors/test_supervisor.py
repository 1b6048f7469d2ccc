"""Supervisors: start order, strategies, backoff, suspension, escalation."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from typing import Any

import pykka
import pytest

from motia_actors.actors.actor import Actor, Cell, ChildFailed, ChildSpec, Stop, Tick
from motia_actors.actors.restart import RestartPolicy, Strategy
from motia_actors.actors.supervisor import (
    AddChild,
    RemoveChild,
    RestartChild,
    Supervisor,
    SuspendChild,
)
from motia_actors.clock import ManualClock
from motia_actors.errors import ActorCrashedError, ActorStoppedError
from motia_actors.promise import Promise

WAIT_S = 10.0


class Child(Actor):
    """Answers what it is asked; `crash` and `exit` kill it."""

    def __init__(self, cell: Cell, report: Any, diary: list[str]) -> None:
        super().__init__(cell, report)
        self._diary = diary

    def on_start(self) -> None:
        self._diary.append(f"+{self._cell.name}")

    def on_stop(self) -> None:
        self._diary.append(f"-{self._cell.name}")

    def on_receive(self, message: Any) -> object:
        if message == "crash":
            raise ValueError("crashed")
        if message == "exit":
            sys.exit(3)
        return self.generation


class Family:
    """A supervisor with children a, b and c."""

    def __init__(self, strategy: Strategy = "one_for_one", **options: Any) -> None:
        self.diary: list[str] = []
        self.clock = ManualClock()
        self.ended: Promise[ChildFailed] = Promise()
        self.cells = {name: Cell(self.spec(name, **options)) for name in "abc"}
        self.cell = Cell(ChildSpec("family", self._make))
        self._strategy: Strategy = strategy
        self._changes: list[Promise[None]] = []
        actor = self._make(self.cell)
        actor.launch()
        actor.started.result(WAIT_S)
        self.actor = actor

    def spec(self, name: str, **options: Any) -> ChildSpec:
        return ChildSpec(name, lambda cell: Child(cell, self.cell.tell, self.diary), **options)

    def _make(self, cell: Cell) -> Supervisor:
        return Supervisor(
            cell, self._end, cells=self.cells, clock=self.clock, strategy=self._strategy
        )

    def _end(self, ended: ChildFailed) -> None:
        self.ended.set(ended)

    def kill(self, name: str, how: str = "crash") -> None:
        with pytest.raises((ValueError, SystemExit)):
            self.cells[name].ask(how).result(WAIT_S)
        actor = self.cells[name].actor
        assert actor is None or actor.join(WAIT_S)
        self.look()

    def look(self) -> None:
        """Let the supervisor do what is due."""
        self.cell.ask(Tick()).result(WAIT_S)

    def later(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.look()

    def generation(self, name: str) -> object:
        return self.cells[name].ask("who").result(WAIT_S)

    def stop(self) -> None:
        self.cell.tell(Stop())
        assert self.actor.join(WAIT_S)


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level(logging.CRITICAL, "motia_actors"):
        yield


def test_children_start_in_order_and_stop_in_reverse() -> None:
    family = Family()

    family.stop()

    assert family.diary == ["+a", "+b", "+c", "-c", "-b", "-a"]


@pytest.mark.parametrize("how", ["crash", "exit"])
def test_a_crashed_child_is_restarted_after_its_backoff_and_alone(how: str) -> None:
    family = Family(policy=RestartPolicy(delay_s=2.0))

    family.kill("b", how)
    in_backoff = family.cells["b"].status
    family.later(2.0)

    assert in_backoff == "backoff"
    assert family.generation("b") != family.generation("a") == 1
    assert family.diary == ["+a", "+b", "+c", "+b"]
    family.stop()


def test_a_restarted_child_finds_what_its_predecessor_left() -> None:
    family = Family(policy=RestartPolicy(delay_s=1.0))
    family.kill("a")

    waiting = family.cells["a"].ask("who")
    was_answered = waiting.is_done
    family.later(1.0)

    assert not was_answered
    assert waiting.result(WAIT_S) == family.cells["a"].generation
    family.stop()


@pytest.mark.parametrize(
    ("strategy", "restarted"), [("one_for_all", "abc"), ("rest_for_one", "bc")]
)
def test_the_strategy_says_who_restarts_with_it(strategy: Strategy, restarted: str) -> None:
    family = Family(strategy, policy=RestartPolicy(delay_s=1.0))

    family.kill("b")
    family.later(1.0)

    stops = [f"-{name}" for name in reversed(restarted) if name != "b"]
    assert family.diary == ["+a", "+b", "+c", *stops, *(f"+{name}" for name in restarted)]
    family.stop()


def test_a_child_that_cannot_start_is_tried_again() -> None:
    family = Family()
    attempts: list[int] = []

    def make(cell: Cell) -> Child:
        attempts.append(len(attempts))
        if len(attempts) < 3:
            raise OSError("not yet")
        return Child(cell, family.cell.tell, family.diary)

    family.cell.ask(AddChild(ChildSpec("d", make, policy=RestartPolicy(delay_s=1.0)))).result(1)
    family.later(1.0)
    family.later(2.0)

    assert family.cells["d"].status == "running"
    assert attempts == [0, 1, 2]
    family.stop()


def test_past_its_policy_a_child_is_suspended_and_tried_again_later() -> None:
    policy = RestartPolicy(restarts_max=1, window_s=60.0, delay_s=1.0)
    family = Family(policy=policy, on_give_up="suspend")

    family.kill("a")
    family.later(1.0)
    family.kill("a")
    status = family.cells["a"].status
    family.later(1.0)

    assert status == "suspended"
    assert family.cells["a"].status == "running"
    assert family.cells["a"].suspensions == 1
    assert family.generation("b") == 1
    family.stop()


def test_past_its_policy_a_child_takes_its_supervisor_down() -> None:
    family = Family(policy=RestartPolicy(restarts_max=0))

    with pytest.raises(ValueError, match="crashed"):
        family.cells["b"].ask("crash").result(WAIT_S)
    ended = family.ended.result(WAIT_S)

    assert isinstance(ended.error, ActorCrashedError)
    assert family.diary == ["+a", "+b", "+c", "-c", "-a"]


def test_a_transient_child_that_ended_well_stays_away() -> None:
    family = Family(restart="transient")
    actor = family.cells["a"].actor
    assert actor is not None

    family.cells["a"].tell(Stop())
    assert actor.join(WAIT_S)
    family.look()

    assert family.cells["a"].status == "stopped"
    family.stop()


def test_a_removed_child_answers_those_who_wait() -> None:
    family = Family(policy=RestartPolicy(delay_s=5.0))
    family.kill("c")
    waiting = family.cells["c"].ask("who")

    family.cell.ask(RemoveChild("c")).result(WAIT_S)

    with pytest.raises(ActorStoppedError):
        waiting.result(WAIT_S)
    assert "c" not in family.cells
    family.stop()


def test_a_replaced_child_keeps_its_mailbox() -> None:
    family = Family()
    mailbox = family.cells["a"].mailbox

    family.cell.ask(AddChild(family.spec("a", size_max=7))).result(WAIT_S)

    assert family.cells["a"].mailbox is mailbox
    assert mailbox.size_max == 7
    assert family.generation("a") != 1
    family.stop()


def test_a_child_suspended_by_hand_waits_for_its_restart() -> None:
    family = Family()

    family.cell.ask(SuspendChild("a")).result(WAIT_S)
    family.later(1e6)
    suspended = family.cells["a"].status
    family.cell.ask(RestartChild("a")).result(WAIT_S)

    assert suspended == "suspended"
    assert family.cells["a"].status == "running"
    family.stop()


def test_pykkas_refs_and_proxies_work_on_our_actors() -> None:
    family = Family()
    actor = family.cells["a"].actor
    assert actor is not None

    answer = actor.actor_ref.ask("who", timeout=WAIT_S)

    assert answer == 1
    assert actor.actor_ref in pykka.ActorRegistry.get_all()
    family.stop()
    assert actor.actor_ref not in pykka.ActorRegistry.get_all()
