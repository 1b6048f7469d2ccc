"""The store's writer: one actor a process that turns what waits into group commits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from motia_actors.actors.actor import Actor, Cell, ChildFailed
from motia_actors.store import Store

LOOK_S = 0.2
"""How long a stop may wait for the store to wake from having nothing to do."""


class WriterActor(Actor):
    """Commits for everybody; while one commit is on its way to disk the next one gathers."""

    def __init__(self, cell: Cell, report: Callable[[ChildFailed], None], *, store: Store) -> None:
        super().__init__(cell, report)
        self._store = store

    def _turns(self) -> None:
        mailbox = self._cell.mailbox
        while not (self.actor_stopped.is_set() or mailbox.is_closed):
            self._store.commit_waiting(wait_s=LOOK_S)
            envelope: Any = mailbox.take_nowait()
            if envelope is not None:
                self._turn(envelope)
