"""What is on its way to the writer, ready to be done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from motia_actors.messages import Delivery
from motia_actors.promise import Promise
from motia_actors.stores.lmdb.work import Operation

if TYPE_CHECKING:
    from motia_actors.stores.lmdb.express import Offer


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
