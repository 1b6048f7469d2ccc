"""A served project whose books can be balanced, its customers, and a look into its store."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path

from motia_actors.clock import SystemClock
from motia_actors.store import Store
from motia_actors.stores.lmdb import LmdbStore
from tests.battery.crew import note
from tests.e2e.beside import Beside
from tests.e2e.server import OWN, Server, wait_until, workers, write_project
from tests.stores.driving import driven

DRAIN_S_MAX = 30.0

ORDER = """
config = {
    "name": "Order", "type": "api", "path": "/orders/:customer/:number", "method": "POST",
    "emits": ["order"],
}


async def handler(req, context):
    customer, number = req.params["customer"], int(req.params["number"])
    await context.emit({
        "topic": "order",
        "data": {"customer": customer, "number": number},
        "messageGroupId": customer,
    })
    return {"status": 202, "body": {}}
"""

COUNT = """
config = {"name": "Count", "type": "event", "subscribes": ["order"], "emits": []}


async def handler(event, context):
    await context.state.set("count", f"{event['customer']}.{event['number']}", 1)
"""


def queue_step(queue: str, *, every: int) -> str:
    """A step of FIFO groups: one run in so many fails at first, and all the later ones wait."""
    return f"""
config = {{
    "name": "Queue", "type": "event", "subscribes": ["order"], "emits": [],
    "infrastructure": {{"queue": {queue}}},
}}


async def handler(event, context):
    customer, number = event["customer"], event["number"]
    name = f"{{customer}}.{{number}}"
    if number % {every} == 0 and not await context.state.get("tried", name):
        await context.state.set("tried", name, True)
        raise RuntimeError("not yet")
    last = await context.state.get("last", customer) or 0
    if number < last:
        await context.state.set("overtaken", name, last)
    await context.state.set("last", customer, number)
    await context.state.set("queue", name, 1)
"""


QUEUE = queue_step(
    '{"type": "fifo", "backoff": {"type": "fixed", "delay": 0.05}}',
    every=7,
)

FILES = {"steps/order_step.py": ORDER, "steps/count_step.py": COUNT, "steps/queue_step.py": QUEUE}


def serve(tmp_path: Path, *, count: int, files: dict[str, str] = FILES) -> Server:
    """Serve a project by so many workers."""
    project = write_project(tmp_path / "project", files)
    return Server(project, options=workers(OWN, count))


@contextlib.contextmanager
def store_of(server: Server) -> Iterator[Store]:
    """Open the server's store in this process too."""
    path = server.project / ".motia" / "data"
    with driven(LmdbStore(path, SystemClock())) as store:
        yield store


def wait_idle(store: Store) -> None:
    """Wait until nothing is queued, leased or waiting for a retry; dead letters may be left."""
    wait_until(
        lambda: all(
            depth.waiting == depth.leased == 0
            for depth in map(store.events.depth, store.events.steps())
        ),
        what="every queue is empty",
        limit_s=DRAIN_S_MAX,
    )


def keys(store: Store, group: str) -> set[str]:
    return {item.key for item in store.state.group(group)}


class Customer(Beside):
    """Places numbered orders, one after the other, and notes which were acknowledged."""

    def __init__(self, server: Server, name: str, *, pause_s: float = 0.0) -> None:
        super().__init__()
        self.orders: set[str] = set()
        self.statuses: set[int] = set()
        self.broken_count = 0
        self._server, self._name = server, name
        self._pause_s = pause_s

    def run(self) -> None:
        """Shop."""
        number = 0
        with self._server.client() as client:
            while not self.pause(self._pause_s):
                number += 1
                try:
                    answer = client.post(f"/orders/{self._name}/{number}", {})
                except (OSError, HTTPException):
                    self.broken_count += 1
                    self.pause(0.01)
                    continue
                self.statuses.add(answer.status)
                if answer.status == 202:
                    self.orders.add(f"{self._name}.{number}")


def balance(server: Server, customers: list[Customer]) -> None:
    """Wait until all is done, and look for each acknowledged order in both steps' books."""
    orders = set[str]().union(*(customer.orders for customer in customers))
    with store_of(server) as store:
        wait_idle(store)
        counted, queued = keys(store, "count"), keys(store, "queue")
        overtaken = keys(store, "overtaken")
        dead = sum(store.events.depth(step).dead for step in store.events.steps())
    note(
        f"acknowledged={len(orders)} kept={len(counted)} "
        f"broken={sum(customer.broken_count for customer in customers)} "
        f"lost={len(orders - counted) + len(orders - queued)} overtaken={len(overtaken)}"
    )
    assert orders, "nothing was served"
    assert orders <= counted, "lost"
    assert counted == queued, "an emit reached one of its two steps alone"
    assert not overtaken
    assert dead == 0
    assert set[int]().union(*(customer.statuses for customer in customers)) == {202}
