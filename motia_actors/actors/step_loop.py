"""A step actor whose handler is async: an event loop on the actor's own thread.

While nothing runs the thread waits on the mailbox itself, which costs a futex and no pipe. A
call starts the loop, arrivals wake it, and it goes back to the mailbox when nothing is left: no
task, no timer, no socket. What a handler leaves running in the background therefore goes on.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import sys
from collections.abc import Callable, Coroutine, Generator
from contextlib import suppress
from typing import Any, TypeVarTuple, Unpack

from motia_actors.actors.actor import Cell, ChildFailed
from motia_actors.actors.mailbox import Control
from motia_actors.actors.step import StepActor, StepSetup
from motia_actors.actors.work import Work, timed_out
from motia_actors.errors import ActorCrashedError, ActorStoppedError
from motia_actors.messages import Failed
from motia_actors.threads import allocate_lock, native_selector

logger = logging.getLogger(__name__)

_LEFT = Failed(kind="CancelledError", message="the handler cancelled itself")

Ts = TypeVarTuple("Ts")

CANCEL_S = 1.0
"""A handler that was cancelled and still runs after this long is stuck."""


LOOK_S = 0.1
"""How often a thread that waits for the loop looks whether the actor still lives."""


class RunLoop(Control):
    """Makes the actor's thread run the loop: an asker left something in it."""


class StepLoop(asyncio.SelectorEventLoop):
    """An event loop that knows when nothing is left to do in it."""

    def __init__(self, on_call: Callable[[], None]) -> None:
        """Make it; on_call is called after a call from another thread while it does not run."""
        self._on_call = on_call
        self._watched = native_selector()
        self._first_of_task: list[tuple[Callable[..., object], contextvars.Context]] | None = None
        """Where the next task's first step is put, in place of the loop's queue."""
        super().__init__(self._watched)
        self.calls: dict[Work, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Future[Any]] = set()
        self._timers_until_s = 0.0
        self._is_checking = False
        self.set_task_factory(self._make_task)

    def call_soon(
        self,
        callback: Callable[[Unpack[Ts]], object],
        *args: *Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.Handle:
        """Schedule, or hand the first step of a task to `begin_here`."""
        if self._first_of_task is not None and context is not None:
            self._first_of_task.append((callback, context))
            self._first_of_task = None
            return asyncio.Handle(callback, args, self, context)
        return super().call_soon(callback, *args, context=context)

    def call_soon_threadsafe(
        self,
        callback: Callable[[Unpack[Ts]], object],
        *args: *Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.Handle:
        """Schedule from another thread, and have the loop run if it rests."""
        handle = super().call_soon_threadsafe(callback, *args, context=context)
        if not self.is_running():
            self._on_call()
        return handle

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
    def is_quiet(self) -> bool:
        """No call runs, no task lives, no timer is due later, and no socket is watched."""
        return not self._is_busy and self._timers_until_s <= self.time()

    @property
    def _is_busy(self) -> bool:
        return (
            bool(self.calls)
            # Of asyncio's own: nothing public tells of callbacks that wait.
            or bool(self._ready)  # type: ignore[attr-defined]
            or len(self._watched.get_map()) > 1
            or any(not task.done() for task in self._tasks)
        )

    def begin(self, work: Work, run: Coroutine[Any, Any, None]) -> None:
        """Run a call, which takes itself out of `calls` at its end."""
        # Not by way of the factory: what it costs to watch a task is saved for every call.
        self.calls[work] = asyncio.Task(run, loop=self)

    def begin_here(self, work: Work, run: Coroutine[Any, Any, None]) -> None:
        """Run a call on this thread up to where it first waits; the loop must not be running.

        Turning the loop once would do the same, at several times the cost: it looks for sockets,
        which lets go of the interpreter's lock, and other threads take it.
        """
        first = self._first_of_task = []
        self.calls[work] = asyncio.Task(run, loop=self)
        [(step, context)] = first
        former = sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(
            firstiter=self._asyncgen_firstiter_hook,  # type: ignore[attr-defined]  # as asyncio's
            finalizer=self._asyncgen_finalizer_hook,  # type: ignore[attr-defined]  # own loop does
        )
        asyncio._set_running_loop(self)  # noqa: SLF001 (exported for those who run loops)
        try:
            context.run(step)
        finally:
            asyncio._set_running_loop(None)  # noqa: SLF001 (likewise)
            sys.set_asyncgen_hooks(*former)

    def stop_when_quiet(self) -> None:
        """Stop if it is quiet; if only timers are left, look again after the last."""
        if self._is_busy:
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
        self._is_woken = False
        self._loop: StepLoop
        self._loop_lock = allocate_lock()
        """Held by whichever thread runs the loop."""
        self._is_inline = False
        self._arrival = self._arrived  # One object: a bound method is a new one every time.
        self._cancelled: set[Work] = set()

    def on_start(self) -> None:
        """Make the loop; the thread that made it runs it."""
        self._loop = StepLoop(self._has_call)

    def on_stop(self) -> None:
        """Close the loop; every call has been answered."""
        self._close()

    def abandon(self, work: Work) -> None:
        """Give the actor up; every other call on its loop is stuck with it."""
        super().abandon(work)
        for other in list(self._loop.calls):
            self._setup.running.remove(other)
            error = ActorCrashedError(f"step {self._cell.name!r} is stuck")
            if other is not work and other.started_s is not None:
                self._record(other, Failed(kind=type(error).__name__, message=str(error)))
            other.answer.set_error(error)

    def _turns(self) -> None:
        mailbox = self._cell.mailbox
        while not self._is_over(kicks := mailbox.kicks):
            envelope = mailbox.take(kicks=kicks)
            if envelope is None:
                continue
            if not self._own_loop():
                self._put_back(envelope)
                continue
            mailbox.hear(self._arrival)
            self._accept(envelope)
            self._fill()
            # An arrival in the very turn in which the loop stops has made a task again.
            while not (self._loop.is_quiet or self._is_done):
                self._run_loop()
            mailbox.unhear(self._arrival)
            self._loop_lock.release()

    def give_up(self) -> None:
        """End after the calls that run now; what they leave in the background is cancelled."""
        super().give_up()
        self._wake(self._fill)

    def _run_loop(self) -> None:
        try:
            self._loop.run_forever()
        except (SystemExit, KeyboardInterrupt):
            # Of a task that a handler made: asyncio lets these out of the loop. The handler gets
            # it where it awaits the task; the loop goes on.
            logger.warning("a task of step %s asked the process to exit", self._cell.name)

    def _own_loop(self) -> bool:
        """Wait until no asker runs the loop; False where that will not come any more."""
        while not self._loop_lock.acquire(timeout=LOOK_S):
            if self._is_abandoned:
                return False
        return True

    def run_inline(self, work: Work) -> bool:
        """Run the handler up to where it waits; from there the actor's thread goes on with it."""
        if (
            self._cell.mailbox.depth
            or len(self._loop.calls) >= self._setup.concurrency
            or not self._loop_lock.acquire(blocking=False)
        ):
            return False
        try:
            if self.actor_stopped.is_set():
                return False
            self._is_inline = True
            self._loop.begin_here(work, self._run(work))
        finally:
            self._is_inline = False
            self._loop_lock.release()
            if self._is_abandoned:
                self._close()
        if not self._loop.is_quiet:
            self._cell.tell(RunLoop())
        return True

    @property
    def _is_done(self) -> bool:
        """It was told to stop, and every call is answered."""
        return self.actor_stopped.is_set() and not self._loop.calls

    def _accept(self, envelope: Any) -> None:
        if isinstance(envelope, Work):
            self._loop.begin(envelope, self._run(envelope))
        elif not isinstance(envelope.message, RunLoop):
            self._turn(envelope)

    def _fill(self) -> None:
        """Take what may run now."""
        if self._is_inline:
            return  # The mailbox is the business of the actor's own thread.
        self._is_woken = False
        mailbox = self._cell.mailbox
        while not self.actor_stopped.is_set():
            is_free = len(self._loop.calls) < self._setup.concurrency
            envelope = mailbox.take_nowait() if is_free else mailbox.take_control_nowait()
            if envelope is None:
                return
            self._accept(envelope)
        if self._is_done and self._loop.is_running():
            self._loop.stop()

    def _arrived(self) -> None:
        """Called by whoever put a message while the loop may sleep."""
        if self._is_woken or (
            len(self._loop.calls) >= self._setup.concurrency and not self._cell.mailbox.has_control
        ):
            return
        self._is_woken = True
        self._wake(self._fill)

    def _has_call(self) -> None:
        """Called by whoever left something in a loop that does not run."""
        with suppress(ActorStoppedError):
            self._cell.tell(RunLoop())

    def _wake(self, callback: Callable[[], object]) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(callback)

    async def _run(self, work: Work) -> None:
        task = asyncio.current_task()
        assert task is not None
        if self._begin(work, lambda: self._stop_run(task, work)):
            effects = work.effects = self._setup.effects_for(work.call)
            try:
                outcome = await self._setup.handler.run_async(work.call, effects)
            except asyncio.CancelledError:
                outcome = timed_out(work.limit_s or 0.0) if work in self._cancelled else _LEFT
            self._cancelled.discard(work)
            self._end(work, outcome)
        del self._loop.calls[work]
        self._fill()
        if not self._loop.calls:
            self._loop.stop_when_quiet()

    def _stop_run(self, task: asyncio.Task[None], work: Work) -> None:
        """Cancel, and give up the actor where that does not help; the watchdog calls it."""
        work.stop = lambda: self._abandon_late(work)
        self._cancelled.add(work)
        self._wake(task.cancel)

    def _abandon_late(self, work: Work) -> None:
        assert work.started_s is not None
        assert work.limit_s is not None
        ran_s = self._setup.clock.monotonic_s() - work.started_s
        if ran_s > work.limit_s + CANCEL_S:
            self.abandon(work)

    def _close(self) -> None:
        """Cancel what handlers left in the background, and the loop with it.

        An abandoned loop is closed by the thread that was stuck in it, if it ever comes back.
        """
        patience_s = 0.0 if self._is_abandoned else CANCEL_S
        if not self._loop_lock.acquire(timeout=patience_s) or self._loop.is_closed():
            return
        left = asyncio.all_tasks(self._loop)
        for task in left:
            task.cancel()
        if left:
            self._loop.run_until_complete(asyncio.wait(left, timeout=CANCEL_S))
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()
