"""A step actor whose handler is async: an event loop on the actor's own thread.

While nothing runs the thread waits on the mailbox itself, which costs a futex and no pipe. A
call starts the loop, arrivals wake it, and it goes back to the mailbox when nothing is left: no
task, no timer, no socket. What a handler leaves running in the background therefore goes on.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import selectors
from collections.abc import Callable, Coroutine, Generator
from typing import Any, TypeVarTuple, Unpack

from motia_actors.actors.actor import Cell, ChildFailed
from motia_actors.actors.step import StepActor, StepSetup
from motia_actors.actors.work import Work, timed_out
from motia_actors.errors import ActorCrashedError
from motia_actors.threads import native_selector

logger = logging.getLogger(__name__)

Ts = TypeVarTuple("Ts")

CANCEL_S = 1.0
"""A handler that was cancelled and still runs after this long is stuck."""


class StepLoop(asyncio.SelectorEventLoop):
    """An event loop that knows when nothing is left to do in it."""

    def __init__(self) -> None:
        self._watched: selectors.BaseSelector = native_selector()
        super().__init__(self._watched)
        self._tasks: set[asyncio.Future[Any]] = set()
        self._timers_until_s = 0.0
        self._is_checking = False
        self.set_task_factory(self._make_task)

    def call_at(
        self,
        when: float,
        callback: Callable[[Unpack[Ts]], object],
        *args: *Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        """Remember how long there will be timers."""
        self._timers_until_s = max(self._timers_until_s, when)
        return super().call_at(when, callback, *args, context=context)

    @property
    def has_tasks(self) -> bool:
        """A task is not done."""
        return bool(self._tasks)

    def stop_when_quiet(self) -> None:
        """Stop if no task lives, no timer is due later and no socket is watched."""
        if self._tasks or len(self._watched.get_map()) > 1:
            return
        left_s = self._timers_until_s - self.time()
        if left_s <= 0:
            self.stop()
        elif not self._is_checking:
            self._is_checking = True
            super().call_at(self._timers_until_s, self._check)

    def _check(self) -> None:
        self._is_checking = False
        self.stop_when_quiet()

    def _make_task(
        self,
        loop: asyncio.AbstractEventLoop,
        coroutine: Coroutine[Any, Any, Any] | Generator[Any, None, Any],
        **options: Any,
    ) -> asyncio.Future[Any]:
        task: asyncio.Task[Any] = asyncio.Task(coroutine, loop=loop, **options)
        self._tasks.add(task)
        task.add_done_callback(self._task_done)
        return task

    def _task_done(self, task: asyncio.Future[Any]) -> None:
        self._tasks.discard(task)
        if not self._tasks:
            self.stop_when_quiet()


class LoopStepActor(StepActor):
    """Runs `handler.run_async` on its loop."""

    def __init__(self, cell: Cell, report: Callable[[ChildFailed], None], setup: StepSetup) -> None:
        super().__init__(cell, report, setup)
        self._works: set[Work] = set()
        self._is_woken = False
        self._loop: StepLoop

    def on_start(self) -> None:
        """Make the loop; the thread that made it runs it."""
        self._loop = StepLoop()

    def on_stop(self) -> None:
        """Close the loop; every call has been answered."""
        self._close()

    def abandon(self, work: Work) -> None:
        """Give the actor up; every other call on its loop is stuck with it."""
        super().abandon(work)
        for other in list(self._works):
            other.answer.set_error(ActorCrashedError(f"step {self._cell.name!r} is stuck"))

    def _turns(self) -> None:
        mailbox = self._cell.mailbox
        while not (self.actor_stopped.is_set() or mailbox.is_closed):
            envelope = mailbox.take()
            if envelope is None:
                continue
            mailbox.on_arrival = self._arrived
            self._accept(envelope)
            self._fill()
            # An arrival in the very turn in which the loop stops has made a task again.
            while self._loop.has_tasks and not self._is_over:
                self._run_loop()
            mailbox.on_arrival = None

    def _run_loop(self) -> None:
        try:
            self._loop.run_forever()
        except (SystemExit, KeyboardInterrupt):
            # Of a task that a handler made: asyncio lets these out of the loop. The handler gets
            # it where it awaits the task; the loop goes on.
            logger.warning("a task of step %s asked the process to exit", self._cell.name)

    @property
    def _is_over(self) -> bool:
        """It was told to stop, and every call is answered."""
        return self.actor_stopped.is_set() and not self._works

    def _accept(self, envelope: Any) -> None:
        if isinstance(envelope, Work):
            self._works.add(envelope)
            self._loop.create_task(self._run(envelope))
        else:
            self._turn(envelope)

    def _fill(self) -> None:
        """Take what may run now."""
        self._is_woken = False
        mailbox = self._cell.mailbox
        while not self.actor_stopped.is_set():
            is_free = len(self._works) < self._setup.concurrency
            envelope = mailbox.take_nowait() if is_free else mailbox.take_control_nowait()
            if envelope is None:
                return
            self._accept(envelope)
        if self._is_over and self._loop.is_running():
            self._loop.stop()

    def _arrived(self) -> None:
        """Called by whoever put a message while the loop may sleep."""
        if self._is_woken or (
            len(self._works) >= self._setup.concurrency and not self._cell.mailbox.has_control
        ):
            return
        self._is_woken = True
        self._wake(self._fill)

    def _wake(self, callback: Callable[[], object]) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(callback)

    async def _run(self, work: Work) -> None:
        task = asyncio.current_task()
        assert task is not None
        if self._begin(work, lambda: self._stop_run(task, work)):
            try:
                outcome = await self._setup.handler.run_async(
                    work.call, self._setup.effects_for(work.call)
                )
            except asyncio.CancelledError:
                outcome = timed_out(work.limit_s or 0.0)
            finally:
                self._end(work)
            work.set(outcome)
        self._works.discard(work)
        self._fill()

    def _stop_run(self, task: asyncio.Task[None], work: Work) -> None:
        """Cancel, and give up the actor where that does not help; the watchdog calls it."""
        work.stop = lambda: self._abandon_late(work)
        self._wake(task.cancel)

    def _abandon_late(self, work: Work) -> None:
        assert work.started_s is not None
        assert work.limit_s is not None
        ran_s = self._setup.clock.monotonic_s() - work.started_s
        if ran_s > work.limit_s + CANCEL_S:
            self.abandon(work)

    def _close(self) -> None:
        """Cancel what handlers left in the background, and the loop with it."""
        left = asyncio.all_tasks(self._loop)
        for task in left:
            task.cancel()
        if left:
            self._loop.run_until_complete(asyncio.wait(left, timeout=CANCEL_S))
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()
