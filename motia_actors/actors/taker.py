"""Takes what this process puts while a run of the step is free, without a turn of the router."""

from __future__ import annotations

from motia_actors.actors.deliveries import Deliveries
from motia_actors.actors.ports import Port, Table
from motia_actors.errors import ActorError, NotRunError
from motia_actors.messages import Delivery, Taker
from motia_actors.store import Release, Store


class MailboxTaker(Taker):
    """Keeps runs free, no more than a step has: what is beyond them all processes share.

    Args:
        store: Where a delivery goes back whose step is gone.
        table: The ports.
        deliveries: What this process holds.
    """

    def __init__(self, *, store: Store, table: Table, deliveries: Deliveries) -> None:
        self._store, self._table, self._deliveries = store, table, deliveries

    def reserve(self, step: str) -> float | None:
        """Keep a run free, if one is."""
        port = self._port_with_room(step)
        if port is None:
            return None
        port.held.reserve()
        return port.step.infrastructure.queue.visibility_s

    def reserve_brief(self, step: str) -> bool:
        """Keep a run free, if the last ones were quick and nothing else asks what is queued."""
        port = self._port_with_room(step)
        if (
            port is None
            or step in self._deliveries.behind
            or not port.trust.is_given
            or port.step.cron
            or port.step.infrastructure.queue.is_transactional
        ):
            return False
        port.held.reserve()
        return True

    def _port_with_room(self, step: str) -> Port | None:
        port = self._table.ports.get(step)
        if port is None or self._deliveries.is_draining or port.cell.status != "running":
            return None
        return port if port.may_take else None

    def take(self, delivery: Delivery, *, renew_s: float | None = None) -> None:
        """Put it into its mailbox, or give it back."""
        step = delivery.step
        try:
            port = self._table.ports.get(step)
            if port is None:
                self._store.commit([Release(delivery=delivery)])
                return
            work = self._deliveries.take(port, delivery, renew_s=renew_s)
        finally:
            self.give_up(step)
        if work.answer.is_done:
            return
        if self._deliveries.is_draining:
            work.answer.set_error(NotRunError(f"step {port.step.name!r} drains"))
            return
        try:
            port.cell.mailbox.put(work, may_wait=False, is_work=True)
        except ActorError as error:
            work.answer.set_error(error)

    def give_up(self, step: str) -> None:
        """The run is free again."""
        self._deliveries.held_for(step).give_up()
