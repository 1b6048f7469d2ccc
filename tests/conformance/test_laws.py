"""Every store behaves like a dict and a list, whatever is done to it in whatever order."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from motia_actors.clock import ManualClock
from motia_actors.errors import LeaseLostError
from motia_actors.messages import Delivery, Target
from motia_actors.store import (
    Ack,
    Bury,
    EventPut,
    Extend,
    QueueDepth,
    Release,
    Retry,
    StateSet,
    Write,
)
from tests.conformance.conftest import StoreMaker
from tests.stores.driving import an_event, lease

DELAYS_S = st.sampled_from([0.0, 1.0, 5.0])
GROUPS = st.sampled_from([None, "g", "h"])


class Modelled:
    """One delivery as the model sees it."""

    def __init__(self, number: int, due_s: float, group: str | None) -> None:
        self.number = number
        self.due_s = due_s
        self.group = group
        self.attempt = 0
        self.held: Delivery | None = None


class QueueMachine(RuleBasedStateMachine):
    """One step's queue, with a value of state written in each settling commit."""

    def __init__(self, make_store: StoreMaker) -> None:
        super().__init__()
        self.clock = ManualClock(0.0)
        self.stack = ExitStack()
        self.store = self.stack.enter_context(make_store(self.clock))
        self.living: dict[str, Modelled] = {}
        self.late: list[Delivery] = []
        self.dead: list[str] = []
        self.count = 0
        self.settled = b""

    def teardown(self) -> None:
        self.stack.close()

    @rule(delay_s=DELAYS_S, group=GROUPS)
    def put(self, delay_s: float, group: str | None) -> None:
        self.count += 1
        event = an_event(f"e{self.count}", group_id=group)
        target = Target(step="charge", delay_s=delay_s, is_fifo=True)
        self.store.write(EventPut(event=event, targets=(target,)))
        due_s = self.clock.now_s() + delay_s
        self.living[event.id] = Modelled(self.count, due_s, group)

    @rule(seconds=DELAYS_S)
    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule(count_max=st.integers(0, 3), visibility_s=DELAYS_S)
    def lease(self, count_max: int, visibility_s: float) -> None:
        now_s = self.clock.now_s()
        due = [one for one in self.heads() if one.due_s <= now_s]
        due.sort(key=lambda one: (one.due_s, one.number))

        taken = lease(self.store, count_max, visibility_s=visibility_s)

        assert [one.event.id for one in taken] == [f"e{one.number}" for one in due[:count_max]]
        for one, delivery in zip(due, taken, strict=False):
            if one.held is not None:
                self.late.append(one.held)
            one.attempt += 1
            one.held, one.due_s = delivery, now_s + visibility_s
            assert delivery.attempt == one.attempt

    @rule(data=st.data(), kind=st.sampled_from(["ack", "retry", "release", "bury", "extend"]))
    def settle(self, data: st.DataObject, kind: str) -> None:
        held = [one for one in self.living.values() if one.held is not None]
        if held:
            getattr(self, f"_{kind}")(data.draw(st.sampled_from(held)))

    @rule(data=st.data())
    def come_late(self, data: st.DataObject) -> None:
        if not self.late:
            return
        late = data.draw(st.sampled_from(self.late))
        writes = [StateSet(group="g", key="late", value=b"1"), Ack(delivery=late)]

        with pytest.raises(LeaseLostError):
            self.store.commit(writes).result(10.0)

    @invariant()
    def is_like_the_model(self) -> None:
        now_s = self.clock.now_s()
        leased = sum(1 for o in self.living.values() if o.held is not None and o.due_s > now_s)
        events = self.store.events
        assert events.next_due_s("charge") == min((o.due_s for o in self.heads()), default=None)
        assert events.depth("charge") == QueueDepth(
            waiting=len(self.living) - leased, leased=leased, dead=len(self.dead)
        )
        assert [one.event.id for one in events.dead("charge", count_max=99)] == self.dead
        assert self.store.state.get("g", "late") is None
        assert (self.store.state.get("g", "settled") or b"") == self.settled

    def heads(self) -> list[Modelled]:
        firsts: dict[str, Modelled] = {}
        free = []
        for one in self.living.values():
            if one.group is None:
                free.append(one)
            else:
                firsts.setdefault(one.group, one)
        return [*free, *firsts.values()]

    def _commit(self, one: Modelled, write: Write[object]) -> object:
        assert one.held is not None
        self.settled = one.held.token
        settled = StateSet(group="g", key="settled", value=self.settled)
        self.late.append(one.held)
        one.held = None
        return self.store.commit([settled, write]).result(10.0)[1]

    def _ack(self, one: Modelled) -> None:
        assert one.held is not None
        self._commit(one, Ack(delivery=one.held))
        del self.living[f"e{one.number}"]

    def _bury(self, one: Modelled) -> None:
        assert one.held is not None
        self._commit(one, Bury(delivery=one.held, error=""))
        del self.living[f"e{one.number}"]
        self.dead.append(f"e{one.number}")

    def _retry(self, one: Modelled) -> None:
        assert one.held is not None
        self._commit(one, Retry(delivery=one.held, delay_s=1.0))
        one.due_s = self.clock.now_s() + 1.0

    def _release(self, one: Modelled) -> None:
        assert one.held is not None
        self._commit(one, Release(delivery=one.held))
        one.due_s = self.clock.now_s()
        one.attempt -= 1

    def _extend(self, one: Modelled) -> None:
        assert one.held is not None
        extended = self._commit(one, Extend(delivery=one.held, visibility_s=5.0))
        assert isinstance(extended, Delivery)
        one.held, one.due_s = extended, self.clock.now_s() + 5.0


@pytest.mark.slow
def test_a_queue_behaves_like_its_model(make_store: StoreMaker) -> None:
    class Machine(QueueMachine):
        def __init__(self) -> None:
            super().__init__(make_store)

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=60,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
