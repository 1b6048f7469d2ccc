"""The janitor: forgets what has expired, in one process of all, a little at a time."""

from __future__ import annotations

import logging
from collections.abc import Callable

import msgspec

from motia_actors.actors.actor import Actor, Cell, ChildFailed
from motia_actors.errors import MotiaError
from motia_actors.store import Store, Sweep

logger = logging.getLogger(__name__)

LOCK = "janitor"
BEAT_S = 30.0
ROWS_MAX = 500
"""Rows forgotten in one commit: nobody else's commit waits long for it."""


class Retention(msgspec.Struct, frozen=True, kw_only=True):
    """How long things are kept: dead letters, dead_count_max of each step, and the journal."""

    dead_age_s: float = 30 * 86_400.0
    dead_count_max: int = 10_000
    journal_age_s: float = 3 * 86_400.0


class JanitorActor(Actor):
    """Sweeps the store now and then."""

    def __init__(
        self,
        cell: Cell,
        report: Callable[[ChildFailed], None],
        *,
        store: Store,
        retention: Retention,
    ) -> None:
        super().__init__(cell, report)
        self._store, self._retention = store, retention

    def wait_s(self) -> float | None:
        """A steady, slow beat."""
        return BEAT_S

    def on_tick(self) -> None:
        """Sweep until nothing is left to forget, if no other process does."""
        if not self._store.locks.try_hold(LOCK):
            return
        sweep = Sweep(
            dead_age_s=self._retention.dead_age_s,
            dead_count_max=self._retention.dead_count_max,
            journal_age_s=self._retention.journal_age_s,
            rows_max=ROWS_MAX,
        )
        try:
            while self._store.write(sweep) >= ROWS_MAX and not self.actor_stopped.is_set():
                continue
        except MotiaError as error:
            # What has expired is forgotten at the next beat.
            logger.warning("cannot forget what has expired: %s", error)

    def on_stop(self) -> None:
        """Let another process do it."""
        self._store.locks.release(LOCK)
