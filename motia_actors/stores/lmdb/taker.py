"""Who takes deliveries of an event in the very transaction that puts it.

What is put where a run is free need not be looked for and leased afterwards: it is put as leased,
and handed over once it is on disk. Only where nothing of the step waits before it.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import msgspec

from motia_actors.messages import Delivery, Taker
from motia_actors.stores.lmdb import keys

if TYPE_CHECKING:
    from motia_actors.stores.lmdb.work import Work

logger = logging.getLogger(__name__)

BYTES_MAX = 16 * 1024
"""Larger data goes the usual way: who takes it decodes it, and others wait for the writer."""


class Taking(msgspec.Struct):
    """What one transaction takes: reserved at the taker, and given up again where it fails."""

    taker: Taker | None = None
    reserved: list[str] = []
    deliveries: list[Delivery] = []
    is_open: dict[bytes, bool] = {}
    """Whether nothing of a step waits, as found once for the whole transaction."""

    def reserve(self, work: Work, step: str, step8: bytes) -> float | None:
        """Reserve a run for what is put for the step now: for how long to lease it, or None."""
        if self.taker is None or not self._is_open(work, step8):
            return None
        visibility_s = self.taker.reserve(step)
        if visibility_s is None:
            # What is put from here on in this transaction must not overtake this one.
            self.is_open[step8] = False
            return None
        self.reserved.append(step)
        return visibility_s

    def close(self, step8: bytes) -> None:
        """Something of the step was put that waits."""
        self.is_open[step8] = False

    def hand_over(self) -> None:
        """It is on disk."""
        for delivery in self.deliveries:
            assert self.taker is not None, "nobody takes without a taker"
            try:
                self.taker.take(delivery)
            except Exception:  # Its lease runs out; the writer must go on.
                logger.exception("a delivery of %s was not taken", delivery.step)

    def give_up(self, count_kept: int = 0) -> None:
        """Take nothing past the first count_kept: it was not put after all."""
        for step in self.reserved[count_kept:]:
            assert self.taker is not None, "nobody reserves without a taker"
            self.taker.give_up(step)
        del self.reserved[count_kept:]
        del self.deliveries[count_kept:]

    def _is_open(self, work: Work, step8: bytes) -> bool:
        is_open = self.is_open.get(step8)
        if is_open is None:
            cursor = work.txn.cursor(work.tables.due)
            end = step8 + keys.time(work.now_s) + keys.NUMBER_MAX
            is_open = not cursor.set_range(step8) or cursor.key() > end
            self.is_open[step8] = is_open
        return is_open
