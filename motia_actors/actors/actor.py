"""The actor that everything here is: pykka's, with our mailbox, native threads and a supervisor.

pykka gives the life cycle, the registry and the refs. Four of its corners are rounded off:

- an exception, in a told message or an asked one, crashes this actor and is reported to its
  supervisor; a BaseException does too, and never reaches pykka's `stop_all`;
- the mailbox belongs to the actor's cell, so a successor finds what its predecessor left;
- threads and locks are the operating system's own, also under gevent;
- an actor can ask to be called again after a while (`wait_s`, `on_tick`).
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import pykka
from pykka.messages import _ActorStop

from motia_actors.actors.mailbox import Control, Mailbox
from motia_actors.actors.restart import RestartKind, RestartPolicy
from motia_actors.errors import ActorCrashedError, ActorStoppedError
from motia_actors.promise import Promise
from motia_actors.steps.config import Overflow
from motia_actors.threads import NativeThread

if TYPE_CHECKING:
    from types import TracebackType

logger = logging.getLogger(__name__)

Status = Literal["starting", "running", "backoff", "suspended", "stopped"]


class Tick(Control):
    """Makes the actor look at what is due now."""


class Stop(Control):
    """Makes the actor finish what it does and end; a generation's is ignored by every other."""

    def __init__(self, generation: int | None = None) -> None:
        self.generation = generation


class Cell:
    """The place of one child: it stays while actors come and go in it.

    Holds the mailbox, the actor that lives there now, and what its supervisor knows of it.
    Written by the supervisor's thread; others read.
    """

    def __init__(self, spec: ChildSpec) -> None:
        self.spec = spec
        self.name = spec.name
        self.mailbox = Mailbox(
            spec.name,
            size_max=spec.size_max,
            overflow=spec.overflow,
            on_drop=spec.on_drop,
            is_control=is_control,
        )
        self.actor: Actor | None = None
        self.status: Status = "starting"
        self.generation = 0
        self.restarts = 0
        self.suspensions = 0
        self.failures_s: list[float] = []
        self.last_error: str | None = None
        self.resume_s = 0.0
        """When a child in backoff or suspended is started again, by the monotonic clock."""

    def tell(self, message: object) -> None:
        """Leave a message that nobody answers."""
        self.mailbox.put(_Letter(message))

    def ask(self, message: object) -> Promise[Any]:
        """Leave a message; the promise gets what `on_receive` returns or raises."""
        future = NativeFuture()
        self.mailbox.put(_Letter(message, future))
        return future.promise


class ChildSpec:
    """How a supervisor makes and keeps one child.

    Args:
        name: Unique among its siblings.
        make: Makes a new actor for the cell; called again for every restart.
        restart: permanent, transient or temporary, as in OTP.
        policy: How often and how soon it is restarted.
        on_give_up: What happens past the policy: `escalate` fails the supervisor itself;
            `suspend` lets the child rest, its mailbox kept, and tries again later.
    """

    def __init__(
        self,
        name: str,
        make: Callable[[Cell], Actor],
        *,
        restart: RestartKind = "permanent",
        policy: RestartPolicy | None = None,
        on_give_up: Literal["escalate", "suspend"] = "escalate",
        size_max: int = 100_000,
        overflow: Overflow = "reject",
        on_drop: Callable[[Any], None] | None = None,
        shutdown_s: float = 5.0,
    ) -> None:
        self.name, self.make, self.restart = name, make, restart
        self.policy = policy or RestartPolicy()
        self.on_give_up, self.shutdown_s = on_give_up, shutdown_s
        self.size_max, self.overflow, self.on_drop = size_max, overflow, on_drop


class ChildFailed(Control):
    """Tells a supervisor that the actor of a generation died of error; None: it just ended."""

    def __init__(self, name: str, *, generation: int, error: BaseException | None) -> None:
        self.name, self.generation, self.error = name, generation, error


class Actor(pykka.ThreadingActor):
    """Base of all actors. Subclasses implement `on_receive` and, where needed, the other hooks.

    Args:
        cell: Where it lives.
        report: Called once, from the actor's thread, when it ends: with the error, or None
            where it was asked to stop.
    """

    def __init__(self, cell: Cell, report: Callable[[ChildFailed], None]) -> None:
        self._cell = cell
        self._report = report
        self.generation = cell.generation
        self.started: Promise[None] = Promise()
        super().__init__()
        self._thread = NativeThread(self._actor_loop, name=f"motia-{cell.name}")

    # pykka's seams.

    def _create_actor_inbox(self) -> Mailbox:  # type: ignore[override]  # ours needs the cell
        return self._cell.mailbox

    @staticmethod
    def _create_future() -> NativeFuture:
        return NativeFuture()

    def _start_actor_loop(self) -> None:
        self._thread.start()

    def _actor_loop(self) -> None:
        error: BaseException | None = None
        try:
            self.on_start()
            self.started.set(None)
            self._turns()
            self.on_stop()
        # pykka stops every actor of the process on a BaseException. Whatever ends this actor
        # ends it alone, and its supervisor decides.
        except BaseException as caught:  # noqa: BLE001 (boundary of the actor)
            error = caught
            self.started.set_error(caught)
            self._failed(*sys.exc_info())
        finally:
            pykka.ActorRegistry.unregister(self.actor_ref)
            self.actor_stopped.set()
            self._report(ChildFailed(self._cell.name, generation=self.generation, error=error))

    # Life.

    def launch(self) -> None:
        """Begin to live; `started` is kept once on_start has run."""
        pykka.ActorRegistry.register(self.actor_ref)
        try:
            self._start_actor_loop()
        except BaseException:
            pykka.ActorRegistry.unregister(self.actor_ref)
            raise

    def join(self, timeout_s: float) -> bool:
        """Wait for the end of its thread; False where timeout_s passed first."""
        return self._thread.join(timeout_s)

    def wait_s(self) -> float | None:
        """Seconds until `on_tick` is due; None: never."""
        return None

    def on_tick(self) -> None:
        """Do what is due; called when `wait_s` has passed or a Tick comes."""

    def give_up(self) -> None:
        """End as soon as may be, without another message: it did not stop in time."""
        self.actor_stopped.set()
        self._cell.mailbox.kick()

    def _turns(self) -> None:
        mailbox = self._cell.mailbox
        while not self._is_over(kicks := mailbox.kicks):
            wait_s = self.wait_s()
            is_due = wait_s is not None and wait_s <= 0
            # What is due is done even where messages never cease.
            envelope = mailbox.take_nowait() if is_due else mailbox.take(wait_s, kicks=kicks)
            if is_due or (envelope is None and not self.actor_stopped.is_set()):
                self.on_tick()
            if envelope is not None:
                self._turn(envelope)

    def _is_over(self, _kicks: int) -> bool:
        """It was told to end. Whoever asks has counted kicks first, and so misses none."""
        return self.actor_stopped.is_set() or self._cell.mailbox.is_closed

    def _turn(self, envelope: Any) -> None:
        message, reply_to = envelope.message, envelope.reply_to
        if isinstance(message, Stop | _ActorStop):
            if getattr(message, "generation", None) in (None, self.generation):
                self.actor_stopped.set()
            if reply_to is not None:
                reply_to.set(None)
            return
        try:
            answer = None
            if isinstance(message, Tick):
                self.on_tick()
            else:
                answer = self._handle_receive(message)
        except BaseException as error:
            if reply_to is not None:
                reply_to.set_exception((type(error), error, error.__traceback__))
            raise
        if reply_to is not None:
            reply_to.set(answer)

    def _failed(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert error is not None
        logger.error("actor %s crashed", self._cell.name, exc_info=error)
        try:
            self.on_failure(kind, error, traceback)
        except Exception:
            logger.exception("on_failure of actor %s failed too", self._cell.name)


class NativeFuture(pykka.Future[Any]):
    """pykka's future over a promise, so that refs wait on native locks."""

    def __init__(self) -> None:
        super().__init__()
        self.promise: Promise[Any] = Promise()

    def get(self, *, timeout: float | None = None) -> Any:
        """The answer; raises what the actor raised, or TimeLimitError."""
        return self.promise.result(timeout)

    def set(self, value: Any | None = None) -> None:
        """Answer."""
        self.promise.set(value)

    def set_exception(self, exc_info: Any = None) -> None:
        """Answer with an exception."""
        error = (exc_info or sys.exc_info())[1]
        self.promise.set_error(error or ActorCrashedError("the actor failed"))


class _Letter:
    """What pykka's Envelope is, without its need for a pykka future."""

    __slots__ = ("message", "reply_to")

    def __init__(self, message: object, reply_to: NativeFuture | None = None) -> None:
        self.message, self.reply_to = message, reply_to


def is_control(message: object) -> bool:
    """The message goes before work and is never refused."""
    return isinstance(message, Control | _ActorStop)


def refuse(envelopes: list[Any], name: str) -> None:
    """Answer those who ask that the actor is gone."""
    for envelope in envelopes:
        if envelope.reply_to is not None:
            envelope.reply_to.set_exception(
                (ActorStoppedError, ActorStoppedError(f"actor {name!r} was stopped"), None)
            )
