"""What an operator changed about a step: every process obeys, at once or within a look."""

from __future__ import annotations

import pytest

from motia_actors.adjustments import Adjustment, adjust, is_paused, read_adjustments
from motia_actors.clock import ManualClock
from motia_actors.errors import StepSuspendedError, UsageError
from motia_actors.messages import Call, Returned
from motia_actors.promise import Promise
from motia_actors.steps.config import Infrastructure, MailboxPolicy
from motia_actors.stores.memory import MemoryStore
from tests.actors.rig import WAIT_S, Rig, plan, put, running

CONFIG = Infrastructure(mailbox=MailboxPolicy(size_max=100))


def echo(call: Call) -> object:
    return call.input


def mailbox_size_of(rig: Rig, step_id: str) -> int:
    return rig.system.table.ports[step_id].cell.mailbox.size_max


def test_a_mailbox_and_a_concurrency_are_changed_and_as_configured_again() -> None:
    step = plan(echo, infrastructure=CONFIG, concurrency=4)
    with running(step) as rig:
        adjust(rig.store, step.step.id, "mailboxSize", 7)
        adjust(rig.store, step.step.id, "concurrency", 9)
        rig.system.adjust()

        assert mailbox_size_of(rig, step.step.id) == 7
        assert rig.figures(step)["concurrency"] == 9
        assert rig.ask(step, 1) == Returned(1)

        adjust(rig.store, step.step.id, "mailboxSize", None)
        adjust(rig.store, step.step.id, "concurrency", None)
        rig.system.adjust()
        assert mailbox_size_of(rig, step.step.id) == 100
        assert rig.figures(step)["concurrency"] == 4


def test_the_adjuster_looks_by_itself() -> None:
    clock = ManualClock()
    step = plan(echo)
    with running(step, clock=clock) as rig:
        adjust(rig.store, step.step.id, "suspended", value=True)

        rig.system.look()

        with pytest.raises(StepSuspendedError):
            rig.ask(step)


def test_the_events_of_a_suspended_step_wait_until_it_is_resumed() -> None:
    ran: Promise[object] = Promise()
    step = plan(lambda call: ran.set(call.input), kind="event", subscribes=("go",))
    with running(step) as rig:
        adjust(rig.store, step.step.id, "suspended", value=True)
        rig.system.adjust()
        put(rig.system, rig.store, "go", 5)
        assert rig.store.events.depth(step.step.id).waiting == 1

        adjust(rig.store, step.step.id, "suspended", value=False)
        rig.system.adjust()

        assert ran.result(WAIT_S) == 5


def test_a_step_that_was_suspended_stays_so_after_a_restart_of_the_process_and_an_edit() -> None:
    step = plan(echo)
    with running(step) as rig:
        adjust(rig.store, step.step.id, "suspended", value=True)
        rig.run(step)
        with pytest.raises(StepSuspendedError):
            rig.ask(step)


def test_a_restart_happens_once() -> None:
    step = plan(echo)
    with running(step) as rig:
        first = rig.system.table.ports[step.step.id].cell.actor
        adjust(rig.store, step.step.id, "restarts", 1)
        rig.system.adjust()
        second = rig.system.table.ports[step.step.id].cell.actor
        rig.system.adjust()

        assert first is not second
        assert second is rig.system.table.ports[step.step.id].cell.actor
        assert rig.ask(step, 2) == Returned(2)


def test_a_paused_cron_step_skips_its_slots_and_runs_by_hand() -> None:
    clock = ManualClock(now_s=1_000_000.0)
    runs: list[object] = []
    step = plan(runs.append, kind="cron", cron="* * * * * *")
    with running(step, clock=clock) as rig:
        rig.system.look()
        adjust(rig.store, step.step.id, "paused", value=True)
        assert is_paused(rig.store, step.step.id)
        clock.advance(3.0)
        rig.system.look()
        assert rig.store.events.last_slot_s(step.step.id) is None

        assert rig.system.fire(step.step.id) == "fired"

        adjust(rig.store, step.step.id, "paused", value=False)
        slot_s = rig.store.events.last_slot_s(step.step.id)
        clock.advance(2.0)
        rig.system.look()
        later_s = rig.store.events.last_slot_s(step.step.id)
        assert slot_s is not None
        assert later_s is not None
        assert later_s > slot_s


@pytest.mark.parametrize("value", [0, -1, 1_000_001, True])
def test_a_size_out_of_its_limits_is_refused(value: int) -> None:
    store = MemoryStore(ManualClock())
    store.open()
    with pytest.raises(UsageError):
        adjust(store, "s", "mailboxSize", value)
    assert read_adjustments(store) == {}
    adjust(store, "s", "mailboxSize", 1_000_000)
    assert read_adjustments(store) == {"s": Adjustment(mailbox_size_max=1_000_000)}
    store.close()
