"""The whole project in memory: its actors as they run in production, time turned by hand."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from motia_actors.clock import ManualClock
from motia_actors.errors import UsageError
from motia_actors.messages import DeadLetter, Event, Target
from motia_actors.payload import decode, encode
from motia_actors.promise import Promise
from motia_actors.running import Running
from motia_actors.settings import Settings
from motia_actors.steps.config import Problem, Step
from motia_actors.steps.schedule import Schedule
from motia_actors.store import EventPut, Write
from motia_actors.stores.memory import MemoryStore
from motia_actors.telemetry.traces import new_event_id, new_trace_id
from motia_actors.testing.watching import StateView, StreamView, Watched
from motia_actors.threads import Signal
from motia_actors.web import client

SETTLE_S_MAX = 10.0
LETTERS_MAX = 10_000
LOGS_MAX = 10_000


class Harness:
    """Runs a project's steps in this process, on a store in memory and a clock that stands.

    Use it as a context manager, from synchronous tests. What takes time in production takes
    `advance` here: delays, retries, cron slots.

    Args:
        project: The folder that holds `steps/` or `src/`.
        now: What time it is at first; None: some day in November 2023.
        env: Variables of the environment while it runs.
        settings: Fields of `motia_actors.settings.Settings`, such as `validate`.
    """

    def __init__(
        self,
        project: Path | str = ".",
        *,
        now: datetime | None = None,
        env: Mapping[str, str] | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self.clock = ManualClock() if now is None else ManualClock(now.timestamp())
        self._store = _ToldStore(self.clock)
        given = {"store": "memory://", "log_level": "debug", **(settings or {})}
        self._settings = Settings(project=Path(project).resolve(), **given)
        self._env = dict(env or {})
        self._undo = ExitStack()
        self._watched: dict[str, Watched] = {}
        self.state = StateView(self._store)

    def __enter__(self) -> Harness:
        """Read the project and start its actors."""
        try:
            self._enter()
        except BaseException:
            self._undo.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop, and leave the process as it was."""
        self._undo.close()

    def _enter(self) -> None:
        folder = Path.cwd()
        self._undo.callback(os.chdir, folder)
        for name, value in self._env.items():
            self._undo.callback(_restore, name, os.environ.get(name))
            os.environ[name] = value
        self._running = Running(self._settings, self.clock, store=self._store)
        self._running.start()
        self._undo.callback(self._running.stop, drain_s=0.0)
        zone = self._settings.timezone or None
        self._schedules = [
            Schedule(step.cron, step.cron_policy.timezone or zone)
            for step in self._running.project.catalog.cron_steps
        ]
        self._running.system.look()  # The clock begins to count its slots here.

    # What happens to it.

    def request(self, method: str, path: str, **more: Any) -> client.Answer:
        """Make an HTTP request; answers once the step has.

        Args:
            method: Such as `POST`.
            path: From the root; may hold a query string.
            more: `query`, `headers`, `json`, `body` as in `motia_actors.web.client.request`.
        """
        return client.request(self._running.front.app, method, path, **more)

    def emit(self, topic: str, data: object = None, *, group_id: str | None = None) -> str:
        """Emit as a step would; answers the event's trace id. A topic nobody hears is no error."""
        now_s = self.clock.now_s()
        event = Event(
            id=new_event_id(now_s),
            topic=topic,
            data=encode(data),
            trace_id=new_trace_id(now_s),
            group_id=group_id,
        )
        targets = self._running.system.table.targets(topic)
        self._store.write(EventPut(event=event, targets=targets))
        return event.trace_id

    def fire(self, step: str) -> None:
        """Run a cron step now, beside its schedule. Takes its name or its file."""
        self._running.system.fire(self._step(step).id)

    def advance(self, seconds: float) -> None:
        """Let time pass, stopping wherever something is due on the way; then settle."""
        end_s = self.clock.now_s() + seconds
        self.settle()
        while (due_s := self._next_s()) is not None and due_s <= end_s:
            self._go_to(due_s)
        self._go_to(end_s)

    def settle(self, *, within_s: float = SETTLE_S_MAX) -> None:
        """Wait until every event was handled that is due now, and those they caused.

        Raises:
            AssertionError: that took longer than within_s seconds; names what still waits.
        """
        until_s = time.monotonic() + within_s
        while True:
            told = self._store.next_commit()
            busy = self._busy()
            if not busy:
                return
            if not told.wait(until_s - time.monotonic()):
                waiting = ", ".join(busy)
                raise AssertionError(f"after {within_s:g} s there is still work for {waiting}")

    # What is seen of it.

    def watch(self, topic: str) -> Watched:
        """Keep the events of topic from now on."""
        if topic not in self._watched:
            watched = self._watched[topic] = Watched(self._store, topic)
            self._running.system.table.watch(topic, Target(step=watched.queue))
        return self._watched[topic]

    def stream(self, name: str) -> StreamView:
        """Find a stream by its name, exact or in snake_case."""
        return StreamView(self._store, self._running.project.catalog.stream(name).name)

    def dead_letters(self, step: str) -> list[DeadLetter]:
        """What a step gave up, oldest first. Takes its name or its file."""
        return self._store.events.dead(self._step(step).id, count_max=LETTERS_MAX)

    @property
    def logs(self) -> list[dict[str, Any]]:
        """All log lines so far, oldest first."""
        self._running.system.look()
        return [decode(line) for line in self._store.journal.tail("log", count_max=LOGS_MAX)]

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with the project's files."""
        return self._running.project.catalog.problems

    # Helpers.

    def _step(self, name: str) -> Step:
        steps = self._running.project.catalog.steps
        found = [step for step in steps if name in (step.id, step.name)]
        if len(found) != 1:
            known = ", ".join(sorted({step.name for step in steps}))
            how_many = "no step" if not found else f"{len(found)} steps"
            raise UsageError(
                f"there are {how_many} called {name!r}; there are {known}, or use the file's path"
            )
        return found[0]

    def _busy(self) -> list[str]:
        """Names of steps that have something due, or in work."""
        now_s, queue = self.clock.now_s(), self._store.events
        busy = []
        for step_id, port in self._running.system.table.ports.items():
            due_s = queue.next_due_s(step_id)
            if (due_s is not None and due_s <= now_s) or queue.depth(step_id).leased:
                busy.append(port.step.name)
        return busy

    def _next_s(self) -> float | None:
        """When something is due next; all that is due now has been settled."""
        now_s, queue = self.clock.now_s(), self._store.events
        due = [queue.next_due_s(step_id) for step_id in self._running.system.table.ports]
        slots = [schedule.next_s(now_s) for schedule in self._schedules]
        return min((one for one in (*due, *slots) if one is not None), default=None)

    def _go_to(self, now_s: float) -> None:
        self.clock.go_to(now_s)
        self._running.system.look()
        self.settle()


class _ToldStore(MemoryStore):
    """A store in memory that tells of its next commit."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self._signals: list[Signal] = []

    def next_commit(self) -> Signal:
        """Raised after the next commit that begins from now on."""
        signal = Signal()
        self._signals.append(signal)
        return signal

    def commit(
        self, writes: Sequence[Write[object]], *, may_use_reserve: bool = False
    ) -> Promise[list[object]]:
        """Keep all writes or none, and tell."""
        promise = super().commit(writes, may_use_reserve=may_use_reserve)
        signals, self._signals = self._signals, []
        for signal in signals:
            signal.set()
        return promise


def _restore(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value
