"""The journalist: takes log records and spans to the store's journal, a batch a beat."""

from __future__ import annotations

import logging
from collections.abc import Callable

from motia_actors.actors.actor import Actor, Cell, ChildFailed
from motia_actors.actors.work import Running, Work
from motia_actors.errors import MotiaError
from motia_actors.store import JournalAppend, Store
from motia_actors.telemetry.recorded import call_goes_on
from motia_actors.telemetry.spans import Tracer

logger = logging.getLogger(__name__)

BEAT_S = 0.5
BEATS_BETWEEN = 4
"""Figures are told every fourth beat."""
COMMIT_S_MAX = 60.0


class JournalistActor(Actor):
    """Appends logs and spans to the journal; nobody waits for it.

    Args:
        cell: Where it lives.
        report: Called when it ends.
        store: Whose journal it is.
        drain: Takes the log records that wait.
        tracer: Has the spans that wait.
        running: The calls of which it is told, too, that they go on.
        publish: Tells other processes of this one's figures.
    """

    def __init__(
        self,
        cell: Cell,
        report: Callable[[ChildFailed], None],
        *,
        store: Store,
        drain: Callable[[], list[bytes]],
        tracer: Tracer,
        running: Running,
        publish: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(cell, report)
        self._store, self._drain = store, drain
        self._tracer, self._running, self._publish = tracer, running, publish
        self._beats = 0
        self._known: set[Work] = set()
        """Calls that ran at the last beat already."""
        self._told: set[Work] = set()

    def wait_s(self) -> float | None:
        """A steady beat."""
        return BEAT_S

    def on_tick(self) -> None:
        """Write what gathered."""
        self._beats += 1
        if self._beats % BEATS_BETWEEN == 1:
            self._tell_others()
        self._note_running()
        appends = [JournalAppend(kind="log", record=record) for record in self._drain()]
        appends += [JournalAppend(kind="span", record=record) for record in self._tracer.drain()]
        if not appends:
            return
        try:
            self._store.commit(appends).result(COMMIT_S_MAX)
        except MotiaError as error:
            # Logged to the console all the same; a log line is not worth a restart.
            logger.warning("%d records of the journal were not kept: %s", len(appends), error)

    def _tell_others(self) -> None:
        try:
            self._publish()
        except (MotiaError, OSError) as error:
            logger.warning("the figures of this process are not told: %s", error)

    def _note_running(self) -> None:
        """Tell of each call that lasts longer than a beat, once."""
        works = set(self._running.works())
        now_s = self._tracer.clock.monotonic_s()
        for work in works & self._known:
            started_s = work.started_s
            if started_s is not None and work not in self._told:
                self._told.add(work)
                call_goes_on(self._tracer, work.step, work.call, now_s - started_s)
        self._told &= works
        self._known = works

    def on_stop(self) -> None:
        """Write the rest."""
        self.on_tick()
