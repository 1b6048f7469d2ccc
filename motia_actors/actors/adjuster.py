"""The adjuster: makes this process' steps as an operator, at whatever worker, wanted them."""

from __future__ import annotations

import logging
from collections.abc import Callable

from motia_actors.actors.actor import Actor, Cell, ChildFailed
from motia_actors.errors import MotiaError

logger = logging.getLogger(__name__)

LOOK_S = 0.5


class AdjusterActor(Actor):
    """Looks now and then for what was adjusted.

    Args:
        cell: Where it lives.
        report: Called when it ends.
        look: Makes the steps as they are wanted; quick where nothing changed.
    """

    def __init__(
        self, cell: Cell, report: Callable[[ChildFailed], None], *, look: Callable[[], None]
    ) -> None:
        super().__init__(cell, report)
        self._look = look

    def wait_s(self) -> float | None:
        """A steady beat: a read of one group of a stream, which is empty as a rule."""
        return LOOK_S

    def on_tick(self) -> None:
        """Look."""
        try:
            self._look()
        except MotiaError as error:
            # The next beat tries again.
            logger.warning("cannot adjust steps: %s", error)
