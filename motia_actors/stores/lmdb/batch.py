"""What is on its way to the writer, ready to be done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec

from motia_actors.messages import Delivery
from motia_actors.promise import Promise
from motia_actors.stores.lmdb.work import Operation

if TYPE_CHECKING:
    from motia_actors.stores.lmdb.express import Offer
    from motia_actors.stores.lmdb.writer import Writer


class Commit(Promise[list[object]]):
    """What a batch will have answered. Asking for it gets the commit done."""

    __slots__ = ("_writer",)

    def __init__(self, writer: Writer) -> None:
        Promise.__init__(self)  # To ask super is a call more, and every emit comes here.
        self._writer = writer

    def result(self, timeout_s: float | None = None) -> list[object]:
        """Commit what waits, or wait until somebody did."""
        if not self._is_done:
            if timeout_s is None:
                self._writer.help()
            else:
                self._writer.hurry()
        return Promise.result(self, timeout_s)

    def on_done(self, callback: Callable[[Promise[list[object]]], None]) -> None:
        """Call callback once it is on disk, which is to be soon."""
        super().on_done(callback)
        if not self.is_done:
            self._writer.hurry()


class Batch(msgspec.Struct, frozen=True):
    """One commit, ready to be done; size_bytes is what it adds at most, 0 where it only settles.

    `may_refuse`: a queue that is full or a check may refuse it half way. One operation alone never
    is: it looks before it changes anything. `may_use_reserve`: see Store.commit. `is_patient`:
    nobody waits for it. `offer` is what it puts, where that may go without a row; `ends` are the
    deliveries without a row that it ends, or makes rows.
    """

    operations: Sequence[Operation]
    size_bytes: int
    promise: Promise[list[object]]
    may_refuse: bool = False
    may_use_reserve: bool = False
    is_patient: bool = False
    offer: Offer | None = None
    ends: Sequence[Delivery] = ()


class End(msgspec.Struct, frozen=True, eq=False):
    """The end of a delivery without a row, that one alone: it goes along with the next append."""

    number: int
    delivery: Delivery
    promise: Promise[list[object]]
