"""Deliveries: what ends one names the lease that it has by then."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import msgspec
import pytest

from motia_actors.actors.deliveries import RENEWALS, Deliveries
from motia_actors.actors.ports import Port
from motia_actors.actors.work import Work
from motia_actors.clock import ManualClock
from motia_actors.messages import Delivery, Event, Returned
from motia_actors.promise import Promise
from motia_actors.store import Ack, Extend, Store, Write
from motia_actors.telemetry.spans import Tracer
from tests.actors.rig import plan

OLD = Delivery(
    event=Event(id="e", topic="t", data=b"1", trace_id=""), step="a", attempt=1, put_s=0, token=b"1"
)
NEW = msgspec.structs.replace(OLD, token=b"2")


class Writes:
    """Stands for a store: keeps what ends deliveries, and does something at each renewal."""

    def __init__(self) -> None:
        self.ended: list[Delivery] = []
        self.renewal: Promise[list[object]] = Promise()
        self.meanwhile: Callable[[], object] = lambda: None

    def commit(self, writes: Sequence[Write[object]], **_: object) -> Promise[list[object]]:
        """Keep an end, or be slow with a renewal."""
        [write] = writes
        if isinstance(write, Extend):
            self.meanwhile()
            return self.renewal
        assert isinstance(write, Ack)
        self.ended.append(write.delivery)
        return Promise.of([None])


def _held(writes: Writes) -> tuple[Work, Deliveries]:
    clock = ManualClock()
    step = plan(lambda _: None, kind="event", subscribes=("t",)).step
    deliveries = Deliveries(
        store=cast("Store", writes), clock=clock, wake=lambda _: None, tracer=Tracer(clock)
    )
    held = deliveries.held_for(step.id)
    port = Port(step=step, cell=cast("Any", None), limit_s=None, concurrency=1, held=held)
    work = deliveries.take(port, OLD)
    clock.advance(step.infrastructure.queue.visibility_s / RENEWALS)
    return work, deliveries


@pytest.mark.parametrize("is_early", [True, False])
def test_an_answer_waits_for_the_renewal_that_is_on_its_way(*, is_early: bool) -> None:
    writes = Writes()
    work, deliveries = _held(writes)
    if is_early:
        writes.meanwhile = lambda: work.set(Returned(None))

    deliveries.renew()
    work.set(Returned(None))

    assert (writes.ended, deliveries.count) == ([], 1)
    writes.renewal.set([NEW])
    assert (writes.ended, deliveries.count) == ([NEW], 0)


def test_an_answer_that_comes_as_a_renewal_is_done_names_the_new_lease() -> None:
    """Its promise is kept, and the callback that takes the new lease over has not run yet."""
    writes = Writes()
    work, deliveries = _held(writes)

    def answer(_: object) -> None:
        work.set(Returned(None))

    writes.renewal.on_done(answer)

    deliveries.renew()
    writes.renewal.set([NEW])

    assert writes.ended == [NEW]


def test_where_the_renewal_fails_the_end_names_the_old_lease() -> None:
    writes = Writes()
    work, deliveries = _held(writes)

    deliveries.renew()
    work.set(Returned(None))
    writes.renewal.set_error(OSError("no"))

    assert writes.ended == [OLD]
