"""The journalist: takes log records from their buffer to the store's journal, a batch a beat."""

from __future__ import annotations

import logging
from collections.abc import Callable

from motia_actors.actors.actor import Actor, Cell, ChildFailed
from motia_actors.errors import MotiaError
from motia_actors.store import JournalAppend, Store

logger = logging.getLogger(__name__)

BEAT_S = 0.5
COMMIT_S_MAX = 60.0


class JournalistActor(Actor):
    """Appends what drain answers to the journal; nobody waits for it."""

    def __init__(
        self,
        cell: Cell,
        report: Callable[[ChildFailed], None],
        *,
        store: Store,
        drain: Callable[[], list[bytes]],
    ) -> None:
        super().__init__(cell, report)
        self._store, self._drain = store, drain

    def wait_s(self) -> float | None:
        """A steady beat."""
        return BEAT_S

    def on_tick(self) -> None:
        """Write what gathered."""
        records = self._drain()
        if not records:
            return
        appends = [JournalAppend(kind="log", record=record) for record in records]
        try:
            self._store.commit(appends).result(COMMIT_S_MAX)
        except MotiaError as error:
            # Logged to the console all the same; a log line is not worth a restart.
            logger.warning("%d log records were not kept: %s", len(records), error)

    def on_stop(self) -> None:
        """Write the rest."""
        self.on_tick()
