"""The deliveries that this process holds, and what becomes of each.

A delivery is held from its lease to the write that ends it: acknowledged, to be retried, given
back, or buried. As long as it is held its lease is renewed, so that only a process that died, or
stood still, loses it to another.
"""

from __future__ import annotations

import logging
import random
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from motia_actors.actors.holds import Held, Hold
from motia_actors.actors.ports import Port
from motia_actors.actors.retry import RetryIn, after_failure
from motia_actors.actors.work import Work
from motia_actors.clock import Clock
from motia_actors.errors import (
    ActorError,
    ActorStoppedError,
    ConflictError,
    LeaseLostError,
    MailboxFullError,
    NotRunError,
    StoreFullError,
)
from motia_actors.messages import Call, Delivery, Failed, Outcome, Returned, Trigger
from motia_actors.payload import decode
from motia_actors.promise import Promise
from motia_actors.store import Ack, Bury, Extend, Release, Retry, Store, Write
from motia_actors.telemetry.recorded import End, delivery_ended, retry_planned
from motia_actors.telemetry.spans import Tracer, child_of

logger = logging.getLogger(__name__)

RENEWALS = 3
"""A lease is renewed so many times before it would run out: two of them may fail."""


_ENDS: Mapping[type[Write[object]], End] = {
    Ack: "acknowledged",
    Retry: "retried",
    Bury: "dead",
    Release: "released",
}


class Deliveries:
    """Takes leased deliveries, and gives each back to the store when its work is answered.

    It outlives the router, as the deliveries do. Any thread may answer a work.

    Args:
        store: Where they come from.
        clock: For renewals.
        wake: Called with the ids of steps that have room again.
        tracer: Takes their spans.
    """

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        wake: Callable[[Iterable[str]], None],
        tracer: Tracer,
    ) -> None:
        self._store, self._clock, self._wake = store, clock, wake
        self._tracer = tracer
        self._held: dict[str, Held] = {}
        self._refused: deque[Sequence[Write[object]]] = deque()
        """Ends that the store had no room for; until they are kept nobody else may run them."""
        self.behind: set[str] = set()
        """Steps of which more may be due than was leased; the router keeps it.

        From their wake-up on, so that what is emitted next does not overtake what waits.
        """
        self.is_draining = False
        """The process is on its way out: nothing more is to be leased."""

    def take(self, port: Port, delivery: Delivery, *, renew_s: float | None = None) -> Work:
        """Hold a delivery, and make it a call for the step's mailbox.

        It is renewed for the first time after renew_s, None: as any lease.
        """
        trigger = port.trigger_of(delivery.event.topic)
        refused, data = _looked_at(port, trigger, delivery)
        cause = delivery.event.trace
        trace = self._tracer.begin() if cause is None else self._tracer.onward(cause)
        call = Call(
            kind=trigger.type,
            trace_id=delivery.event.trace_id,
            flows=port.step.flows,
            input=data,
            delivery=delivery,
            trigger=trigger,
            # Of a trace that is not kept the run needs no name of its own unless it fails.
            trace=child_of(trace) if trace.is_sampled else trace,
            parent=trace.span_id,
        )
        taken_s = self._clock.monotonic_s()
        renew_s = taken_s + (renew_s or _renew_after_s(port))
        hold = Hold(port, delivery, trace=trace, taken_s=taken_s, renew_s=renew_s)
        answered = partial(self._answered, hold)
        work = hold.work = Work(call, limit_s=port.limit_s, answered=answered)
        port.held.holds.add(hold)
        if refused is not None:
            work.set(refused)
        return work

    def held_for(self, step: str) -> Held:
        """What is held for the step, for its port: one for all ports that it ever has."""
        return self._held.setdefault(step, Held())

    @property
    def count(self) -> int:
        """How many are held."""
        return sum(held.count for held in list(self._held.values()))

    def renew(self) -> None:
        """Hold on to what has been in our hands for a while, and end again what had no room.

        One thread calls it.
        """
        for _ in range(len(self._refused)):
            writes = self._refused.popleft()
            self._commit(writes).on_done(partial(self._ended, writes, is_again=True))
        now_s = self._clock.monotonic_s()
        for held in list(self._held.values()):
            for hold in list(held.holds):
                if hold.renew_s <= now_s and not hold.work.answer.is_done:
                    self._renew(hold, now_s)

    def _renew(self, hold: Hold, now_s: float) -> None:
        hold.renew_s = now_s + _renew_after_s(hold.port)
        # Said before the look: an answer that comes after it waits for the new lease.
        renewal: Promise[None] = Promise()
        hold.renewal = renewal
        if hold.work.answer.is_done:
            renewal.set(None)
            return
        visibility_s = hold.port.step.infrastructure.queue.visibility_s
        extended = self._store.commit([Extend(delivery=hold.delivery, visibility_s=visibility_s)])
        extended.on_done(lambda answer: _renewed(hold, renewal, answer))

    def _answered(self, hold: Hold, answer: Promise[Outcome]) -> None:
        renewal = hold.renewal
        if renewal is not None and not renewal.is_done:
            # Its lease is about to change: what ends it must name the new one.
            renewal.on_done(lambda _: self._end(hold, answer))
        else:
            self._end(hold, answer)

    def _end(self, hold: Hold, answer: Promise[Outcome]) -> None:
        step_id = hold.port.step.id
        verdict = self._verdict(hold.port, hold.delivery, answer)
        is_done = verdict.__class__ is Ack
        if hold.trace.is_sampled or not is_done:
            self._record(hold, verdict, answer)
        writes: Sequence[Write[object]] = ()
        effects = hold.work.effects
        if is_done and effects is not None:
            writes = effects.uncommitted()
        ended = self._commit([*writes, verdict])
        if writes:
            ended.on_done(lambda ended: self._after_all(hold, ended))
        else:
            ended.on_done(partial(self._ended, (verdict,)))
        # Last, so that whoever waits for the count to reach zero finds the end on its way.
        hold.port.held.holds.discard(hold)
        # Half of the places free again is soon enough: each look is a commit.
        if (
            step_id in self.behind
            and not isinstance(verdict, Release)
            and 2 * hold.port.held.count <= hold.port.lease_max
        ):
            self._wake((step_id,))

    def _commit(self, writes: Sequence[Write[object]]) -> Promise[list[object]]:
        return self._store.commit(writes, may_use_reserve=True)

    def _ended(
        self,
        writes: Sequence[Write[object]],
        ended: Promise[list[object]],
        *,
        is_again: bool = False,
    ) -> None:
        """Take note of an end: what has no room is tried until it has, or its lease ran out."""
        error = ended.error
        if error is None:
            return
        if isinstance(error, StoreFullError):
            self._refused.append(writes)
            if not is_again:
                logger.warning("a delivery's end is tried until it is kept: %s", error)
        elif isinstance(error, LeaseLostError):
            logger.warning("%s; it may run twice", error)
        else:
            logger.error("a delivery's end was not kept, so it is run again: %s", error)

    def _after_all(self, hold: Hold, ended: Promise[list[object]]) -> None:
        """A transactional handler came back; if its commit failed, nothing of it was kept."""
        error = ended.error
        if isinstance(error, ConflictError):
            # Nobody's fault: it runs again, on what is there now.
            logger.debug("step %s runs again: %s", hold.port.step.name, error)
            again: Write[object] = Release(delivery=hold.delivery)
            self._record_retry(hold, 0.0, str(error))
        elif error is None or isinstance(error, LeaseLostError):
            self._ended((), ended)
            return
        else:
            failed = Failed(kind=type(error).__name__, message=str(error))
            again = self._after_failure(hold.port, hold.delivery, failed)
        self._commit([again]).on_done(partial(self._ended, (again,)))

    def _record(self, hold: Hold, verdict: Write[object], answer: Promise[Outcome]) -> None:
        failure = None
        if isinstance(verdict, Retry | Bury):
            failure = str(answer.error) if answer.error is not None else _said(answer.result())
        delivery_ended(
            self._tracer,
            hold.port.step.name,
            hold.trace,
            hold.delivery,
            is_cron=hold.port.step.is_cron(hold.delivery.event.topic),
            took_s=self._clock.monotonic_s() - hold.taken_s,
            end=_ENDS[type(verdict)],
            error=failure,
        )
        if isinstance(verdict, Retry | Bury):
            hold.port.meter.given_up(is_retried=isinstance(verdict, Retry))
        if isinstance(verdict, Retry):
            self._record_retry(hold, verdict.delay_s, failure or "")

    def _record_retry(self, hold: Hold, delay_s: float, why: str) -> None:
        name = hold.port.step.name
        retry_planned(self._tracer, name, hold.trace, hold.delivery, delay_s=delay_s, why=why)

    def _verdict(self, port: Port, delivery: Delivery, answer: Promise[Outcome]) -> Write[object]:
        match answer.error or answer.result():
            case Returned():
                return Ack(delivery=delivery)
            case Failed() as failed:
                return self._after_failure(port, delivery, failed)
            case ActorError() as error if work_was_not_run(error):
                return Release(delivery=delivery)
            case error:
                failed = Failed(kind=type(error).__name__, message=str(error))
                return self._after_failure(port, delivery, failed)

    def _after_failure(self, port: Port, delivery: Delivery, failed: Failed) -> Write[object]:
        decision = after_failure(
            port.step.infrastructure.queue,
            failed,
            attempt=delivery.attempt,
            chance=random.random(),  # noqa: S311 (spreads retries, guards nothing)
        )
        event = delivery.event
        fields = {
            "step": port.step.name,
            "traceId": event.trace_id,
            "flows": port.step.flows,
            "topic": event.topic,
            "attempt": delivery.attempt,
            "error": {"kind": failed.kind, "message": failed.message, "stack": failed.stack},
        }
        if isinstance(decision, RetryIn):
            logger.warning(
                "%s: %s; retried in %.3g s",
                failed.kind,
                failed.message,
                decision.delay_s,
                extra={"fields": fields},
            )
            return Retry(delivery=delivery, delay_s=decision.delay_s)
        logger.error(
            "%s: %s; kept as a dead letter", failed.kind, failed.message, extra={"fields": fields}
        )
        return Bury(delivery=delivery, error=decision.error, stack=decision.stack)


def _said(outcome: Outcome) -> str:
    return f"{outcome.kind}: {outcome.message}" if isinstance(outcome, Failed) else ""


def _renew_after_s(port: Port) -> float:
    return port.step.infrastructure.queue.visibility_s / RENEWALS


def _renewed(hold: Hold, renewal: Promise[None], answer: Promise[list[object]]) -> None:
    if answer.error is not None:
        logger.warning("a lease was not renewed: %s", answer.error)
    else:
        [delivery] = answer.result()
        assert isinstance(delivery, Delivery)
        hold.delivery = delivery
    renewal.set(None)


def _looked_at(port: Port, trigger: Trigger, delivery: Delivery) -> tuple[Failed | None, Any]:
    """Decode and check the input: why it cannot be run, or None; and the data."""
    spent = _spent(port, delivery) if delivery.attempt > 1 else None
    if trigger.type == "cron":
        return spent, None
    try:
        data = decode(delivery.event.data)
        if spent is None and port.check is not None:
            spent = port.check(delivery.event.topic, data)
        return spent, data
    except Exception as error:
        # A fault in one event or one check must not take the others of the batch along.
        logger.exception("the input of step %s cannot be looked at", port.step.name)
        return Failed(kind=type(error).__name__, message=str(error), is_final=True), None


def _spent(port: Port, delivery: Delivery) -> Failed | None:
    """A delivery that was leased more often than it may run took its process with it each time."""
    if delivery.attempt <= 1 + port.step.infrastructure.queue.retries_max:
        return None
    return Failed(
        kind="LostError",
        message="every run ended with its process or its lease, and none of them answered",
        is_final=True,
    )


def work_was_not_run(error: ActorError) -> bool:
    """The handler never began, so that the attempt does not count."""
    return isinstance(error, NotRunError | MailboxFullError | ActorStoppedError)
