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
from motia_actors.errors import LeaseLostError, QueueFullError
from motia_actors.messages import Delivery, Target
from motia_actors.store import (
    Ack,
    Bury,
    DeadPurge,
    DeadReplay,
    EventCancel,
    EventPut,
    Extend,
    QueueDepth,
    Release,
    Retry,
    StateSet,
    Sweep,
    Write,
)
from tests.conformance.conftest import StoreMaker
from tests.stores.driving import an_event, lease

DELAYS_S = st.sampled_from([0.0, 1.0, 5.0])
GROUPS = st.sampled_from([None, "g", "h"])
WINDOW_S = 5.0


class Modelled:
    """One delivery as the model sees it, queued or dead."""

    def __init__(self, name: str, due_s: float, group: str | None, *, is_scheduled: bool) -> None:
        self.name = name
        self.due_s = due_s
        self.group = group
        self.is_scheduled = is_scheduled
        self.data = b"{}"
        self.order = 0
        self.attempt = 0
        self.held: Delivery | None = None
        self.died_s = 0.0


class QueueMachine(RuleBasedStateMachine):
    """One step's queue, with a value of state written in each settling commit."""

    def __init__(self, make_store: StoreMaker) -> None:
        super().__init__()
        self.clock = ManualClock(0.0)
        self.stack = ExitStack()
        self.store = self.stack.enter_context(make_store(self.clock))
        self.living: dict[str, Modelled] = {}
        self.late: list[Delivery] = []
        self.dead: list[Modelled] = []
        self.standing: dict[str, tuple[str, float]] = {}
        self.count = 0
        self.settled = b""

    def teardown(self) -> None:
        self.stack.close()

    @rule(
        delay_s=DELAYS_S,
        group=GROUPS,
        at_s=st.sampled_from([None, None, 0.0, 3.0, 9.0]),
        key=st.sampled_from([None, None, "k", "l"]),
        depth_max=st.sampled_from([None, None, 2]),
        is_alone=st.booleans(),
    )
    def put(
        self,
        delay_s: float,
        group: str | None,
        at_s: float | None,
        key: str | None,
        depth_max: int | None,
        is_alone: bool,
    ) -> None:
        now_s, name = self.clock.now_s(), f"e{self.count + 1}"
        put = EventPut(
            event=an_event(name, group_id=group),
            targets=(Target(step="charge", delay_s=delay_s, is_fifo=True, depth_max=depth_max),),
            dedupe_key=key,
            dedupe_window_s=WINDOW_S,
            not_before_s=None if at_s is None else now_s + at_s,
        )
        before: list[Write[object]] = [StateSet(group="g", key="alone", value=b"")]
        promise = self.store.commit([put] if is_alone else [*before, put])
        other, end_s = self.standing.get(key or "", ("", 0.0))
        if end_s > now_s:
            assert promise.result(10.0)[-1] == other
            return
        if depth_max is not None and len(self.living) >= depth_max:
            with pytest.raises(QueueFullError):
                promise.result(10.0)
            return
        assert promise.result(10.0)[-1] == name
        due_s = now_s + max(delay_s, at_s or 0.0)
        self._live(Modelled(name, due_s, group, is_scheduled=at_s is not None))
        if key is not None:
            self.standing[key] = (name, now_s + WINDOW_S)

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        if not self.living:
            return
        one = data.draw(st.sampled_from(list(self.living.values())))
        is_idle = one.held is None or one.due_s <= self.clock.now_s()
        is_gone = one.is_scheduled and is_idle

        assert self.store.write(EventCancel(event_id=one.name)) == int(is_gone)

        if is_gone:
            del self.living[one.name]
            self.late += [one.held] if one.held is not None else []

    @rule(data=st.data(), new_data=st.sampled_from([None, b"[1]"]), is_purge=st.booleans())
    def replay_or_purge(self, data: st.DataObject, new_data: bytes | None, is_purge: bool) -> None:
        chosen = [one for one in self.dead if data.draw(st.booleans())]
        letters = self.store.events.dead("charge", count_max=99)
        ids = {letter.event.id: letter.id for letter in letters}
        named = tuple(ids[one.name] for one in reversed(chosen))
        if is_purge:
            answer = self.store.write(DeadPurge(step="charge", ids=named))
        else:
            new_data = new_data if len(chosen) == 1 else None
            answer = self.store.write(DeadReplay(step="charge", ids=named, data=new_data))
        assert answer == len(chosen)
        self.dead = [one for one in self.dead if one not in chosen]
        for one in [] if is_purge else chosen:
            one.due_s, one.attempt, one.data = self.clock.now_s(), 0, new_data or one.data
            self._live(one)

    @rule(age_s=DELAYS_S, count_max=st.integers(0, 3), rows_max=st.integers(0, 4))
    def sweep(self, age_s: float, count_max: int, rows_max: int) -> None:
        now_s = self.clock.now_s()
        ended = [key for key, (_, end_s) in self.standing.items() if end_s <= now_s]
        ends_s = sorted(self.standing[key][1] for key in ended)
        while 0 < rows_max < len(ended) and ends_s[rows_max - 1] == ends_s[rows_max]:
            rows_max += 1  # Of those that end at the same time any may be the first to go.
        old = [
            one
            for index, one in enumerate(self.dead)
            if one.died_s <= now_s - age_s or len(self.dead) - index > count_max
        ]
        sweep = Sweep(dead_age_s=age_s, dead_count_max=count_max, rows_max=rows_max)

        count = self.store.write(sweep)

        assert count == min(rows_max, len(ended) + len(old))
        ended.sort(key=lambda key: self.standing[key][1])
        for key in ended[:rows_max]:
            del self.standing[key]
        self.dead = self.dead[max(0, min(len(old), rows_max - len(ended))) :]

    @rule(seconds=DELAYS_S)
    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule(count_max=st.integers(0, 3), visibility_s=DELAYS_S)
    def lease(self, count_max: int, visibility_s: float) -> None:
        now_s = self.clock.now_s()
        due = [one for one in self.heads() if one.due_s <= now_s]
        due.sort(key=lambda one: (one.due_s, one.order))

        taken = lease(self.store, count_max, visibility_s=visibility_s)

        assert [(one.event.id, one.event.data) for one in taken] == [
            (one.name, one.data) for one in due[:count_max]
        ]
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
        dead = [letter.event.id for letter in events.dead("charge", count_max=99)]
        assert dead == [one.name for one in self.dead]
        rows = self.store.statistics()
        kept = len(self.living) + len(self.dead)
        assert rows.get("rows_events", kept) == kept, "some stores have a row for each event"
        assert rows["rows_dedupes"] == len(self.standing)
        assert rows["rows_scheduled"] == sum(o.is_scheduled for o in self.living.values())
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

    def _live(self, one: Modelled) -> None:
        self.count += 1
        one.order, one.held = self.count, None
        self.living[one.name] = one

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
        del self.living[one.name]

    def _bury(self, one: Modelled) -> None:
        assert one.held is not None
        self._commit(one, Bury(delivery=one.held, error=""))
        del self.living[one.name]
        one.died_s = self.clock.now_s()
        self.dead.append(one)

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
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
