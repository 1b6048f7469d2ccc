"""The step actor: runs the handler of one step, up to `concurrency` calls at a time.

What a handler raises is an outcome, not a crash. A crash is a handler past its time limit that
cannot be stopped: the actor is abandoned with its thread, its late results are discarded, and
its supervisor puts a new one in its place, on the same mailbox.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from motia_actors.actors.actor import Actor, Cell, ChildFailed
from motia_actors.actors.inline import Trust
from motia_actors.actors.meter import Meter
from motia_actors.actors.work import Running, Work, timed_out
from motia_actors.clock import Clock
from motia_actors.errors import ActorError, StuckError
from motia_actors.messages import Call, Failed, Outcome
from motia_actors.runner import Effects, Handler
from motia_actors.telemetry.recorded import call_ended
from motia_actors.telemetry.spans import Tracer


class StepSetup(msgspec.Struct, frozen=True, kw_only=True):
    """What a step actor needs to run its handler; the same for every incarnation."""

    handler: Handler
    effects_for: Callable[[Call], Effects]
    concurrency: int
    running: Running
    clock: Clock
    trust: Trust
    meter: Meter
    name: str
    tracer: Tracer


class StepActor(Actor):
    """What both kinds of step actor share: the register of calls, and being abandoned.

    Args:
        cell: Where it lives.
        report: Called when it ends.
        setup: Its handler and limits.
    """

    def __init__(self, cell: Cell, report: Callable[[ChildFailed], None], setup: StepSetup) -> None:
        super().__init__(cell, report)
        self._setup = setup
        self._is_abandoned = False

    def abandon(self, work: Work) -> None:
        """Give the actor up because of work that does not end; any thread may call it."""
        self._setup.running.remove(work)
        if self._is_abandoned:
            return
        self._is_abandoned = True
        self._setup.trust.lose()
        self.actor_stopped.set()
        self._cell.mailbox.kick()
        assert work.limit_s is not None
        ran = f"{work.call.kind} call {work.call.trace_id} ran over {work.limit_s:g} s"
        error = StuckError(ran)
        self._record(work, timed_out(work.limit_s))
        self._report(ChildFailed(self._cell.name, generation=self.generation, error=error))

    def run_inline(self, work: Work) -> bool:
        """Run work on the calling thread, as far as it goes without waiting for a loop.

        Answers False where that is not possible now: then it goes to the mailbox.
        """
        raise NotImplementedError

    def _begin(self, work: Work, stop: Callable[[], None]) -> bool:
        """Register the work as running; False where nobody waits for it any more."""
        if work.answer.is_done:
            return False
        work.stop = stop
        work.started_s = self._setup.clock.monotonic_s()
        work.meter = self._setup.meter
        work.step = self._setup.name
        self._setup.running.add(work)
        return True

    def _end(self, work: Work, outcome: Outcome) -> None:
        """The work's handler came back: answer, and take note."""
        setup = self._setup
        setup.running.remove(work)
        work.stop = None
        assert work.started_s is not None
        now_s = setup.clock.monotonic_s()
        ran_s = now_s - work.started_s
        setup.trust.seen(ran_s)
        setup.meter.end(now_s, ran_s, is_failure=outcome.__class__ is Failed)
        if not self._is_abandoned:  # Then it was recorded as given up.
            call_ended(setup.tracer, setup.name, work.call, ran_s, outcome)
        work.answer.set(outcome)

    def _record(self, work: Work, outcome: Outcome) -> None:
        """Record work as given up."""
        setup = self._setup
        assert work.started_s is not None
        ran_s = setup.clock.monotonic_s() - work.started_s
        call_ended(setup.tracer, setup.name, work.call, ran_s, outcome)

    def _put_back(self, envelope: Any) -> None:
        """Leave a message that was taken, but not begun, for the next actor."""
        try:
            self._cell.mailbox.put(envelope)
        except ActorError as error:
            if envelope.reply_to is not None:
                envelope.reply_to.set_exception((type(error), error, None))


class Watchdog(Actor):
    """Ends calls that run past their limit.

    The asker, or the queue, learns of it at once; then the run is stopped: an async handler is
    cancelled, an actor whose thread is stuck is abandoned.
    """

    LOOK_S = 0.1

    def __init__(
        self,
        cell: Cell,
        report: Callable[[ChildFailed], None],
        *,
        running: Running,
        clock: Clock,
    ) -> None:
        super().__init__(cell, report)
        self._running = running
        self._clock = clock

    def wait_s(self) -> float | None:
        """A fixed beat: cheaper than to tell of every call that starts."""
        return self.LOOK_S

    def on_tick(self) -> None:
        """Look at what runs."""
        now_s = self._clock.monotonic_s()
        for work in self._running.late(now_s=now_s):
            late, work.late = work.late, None
            if late is not None:
                late()
        for work in self._running.overdue(now_s=now_s):
            work.overran()
            stop = work.stop
            if stop is not None:
                stop()
