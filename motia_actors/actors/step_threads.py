"""A step actor whose handler blocks: every call has a thread.

The actor's own thread takes from the mailbox first; helpers join it while work waits and all
are busy, up to `concurrency` threads, and leave after a while without work. So a call changes
hands once, from the asker's thread to the one that runs it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from motia_actors.actors.actor import Cell, ChildFailed
from motia_actors.actors.inline import QUICK_S, Permits
from motia_actors.actors.step import StepActor, StepSetup
from motia_actors.actors.work import Work
from motia_actors.threads import NativeThread, allocate_lock

logger = logging.getLogger(__name__)

LOOK_S = 0.1
"""How often a thread that waits for a run to become free looks whether the actor still lives."""
IDLE_S = 30.0
"""A helper without work for this long ends."""


class ThreadStepActor(StepActor):
    """Runs `handler.run` on threads."""

    def __init__(self, cell: Cell, report: Callable[[ChildFailed], None], setup: StepSetup) -> None:
        super().__init__(cell, report, setup)
        self._helpers: set[NativeThread] = set()
        self._helpers_lock = allocate_lock()
        self._permits = Permits(setup.concurrency)
        self._arrival = self._call_helper  # One object: a bound method is a new one every time.

    def on_start(self) -> None:
        """From now on an arrival that nobody waits for may call a helper."""
        self._cell.mailbox.hear(self._arrival, is_calm=self._is_calm)

    def on_stop(self) -> None:
        """Wait for the helpers to finish what they run."""
        self._cell.mailbox.unhear(self._arrival)
        if not self._is_abandoned:
            self._cell.mailbox.kick()
        for helper in list(self._helpers):
            helper.join(self._cell.spec.shutdown_s)

    def run_inline(self, work: Work) -> bool:
        """Run the handler, if a run is free and nobody waits."""
        if self._cell.mailbox.depth or not self._permits.acquire_nowait():
            return False
        try:
            self._run_now(work)
        finally:
            self._permits.release()
        return True

    def _is_calm(self, sleepers: int) -> bool:
        """The handler is quick, and a thread that is at work comes for more in a moment.

        To wake another takes longer than that, and both would wait for the interpreter.
        """
        return self._setup.trust.is_given and sleepers <= len(self._helpers)

    def _on_late(self) -> None:
        """The watchdog found a run that takes long, and what waits must not wait for it."""
        self._setup.trust.seen(QUICK_S)
        self._cell.mailbox.rouse()

    def _turn(self, envelope: Any) -> None:
        if isinstance(envelope, Work):
            self._run(envelope)
        else:
            super()._turn(envelope)

    def _run(self, work: Work) -> None:
        mailbox = self._cell.mailbox
        if mailbox.depth and not self._is_calm(mailbox.sleepers):
            self._call_helper()
        while not self._permits.acquire(LOOK_S):
            if self._is_abandoned:
                self._put_back(work)
                return
        try:
            self._run_now(work)
        finally:
            self._permits.release()

    def _run_now(self, work: Work) -> None:
        work.late = self._on_late
        if not self._begin(work, lambda: self.abandon(work)):
            return
        effects = work.effects = self._setup.effects_for(work.call)
        outcome = self._setup.handler.run(work.call, effects)
        self._end(work, outcome)

    def _call_helper(self) -> None:
        if len(self._helpers) + 1 >= self._setup.concurrency or self.actor_stopped.is_set():
            return
        with self._helpers_lock:
            if len(self._helpers) + 1 >= self._setup.concurrency:
                return
            helper = NativeThread(lambda: self._help(helper), name=f"motia-{self._cell.name}+")
            self._helpers.add(helper)
        try:
            helper.start()
        except RuntimeError as error:
            # The system gives no more threads; those there are go on with what waits.
            self._helpers.discard(helper)
            logger.warning("step %s gets no helper: %s", self._cell.name, error)

    def _help(self, helper: NativeThread) -> None:
        mailbox = self._cell.mailbox
        try:
            while not self._is_over(kicks := mailbox.kicks):
                work = mailbox.take(IDLE_S, is_helper=True, kicks=kicks)
                if work is None:
                    return
                self._run(work)
        finally:
            with self._helpers_lock:
                self._helpers.discard(helper)
            if mailbox.depth:  # It came when this helper seemed to be there for it.
                mailbox.rouse()
