"""A day in minutes: mixed load and every fault, hour by hour; then all is as it was.

An hour is a few seconds in which orders, events, cron and sockets go on while steps are edited,
workers killed, the disk fills, and clients dawdle. At its end the books balance, and what the
oldest worker and the store hold is counted.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path
from random import Random

import msgspec
import pytest

from motia_actors.store import StateClear, Store, StreamDelete, Sweep
from tests.battery.crew import new_seed, note
from tests.battery.day import Hour, Listener, Stock, shopping, stock_of
from tests.battery.day_steps import BOOKS, FAILING, FILES
from tests.battery.shop import Customer, keys, store_of, wait_idle
from tests.battery.test_cron import fired
from tests.e2e.server import OWN, Server, wait_until, workers, write_project

pytestmark = pytest.mark.slow

WORKERS, CUSTOMERS, PAUSE_S = 3, 3, 0.03
SOAK_S = 60.0 * float(os.environ.get("SOAK_MINUTES", "10"))
ENV = {
    "MOTIA_DEV": "on",
    "MOTIA_NODE_COUNT": "1",
    "MOTIA_SOCKET_QUEUE_MAX": "256K",
    "MOTIA_JOURNAL_MAX": "1000",
    "MOTIA_JOURNAL_BYTES": "1M",
    # Half of what an hour pushes: so the first hour fills the log of changes.
    "MOTIA_CHANGES_BYTES": "4M",
}
REFUSED = {500, 503, 507}
FIRED_SHARE_MIN = 0.8

SETTLED_HOURS = 2
"""After so many, caches and pools are as full as they get."""
DESCRIPTORS_MORE_MAX, THREADS_MORE_MAX, FILES_MORE_MAX = 4, 6, 8
MEMORY_MB_MORE_MAX, WARMING_MB_MAX = 15.0, 40.0
"""Before it is settled, the oldest worker may meet its first flood and its first deaf client."""
USED_BYTES_MAX = 8 * 2**20
"""The log of changes, both journals, and some for pages that are not full."""
FILE_BYTES_MAX = 3 * USED_BYTES_MAX
"""The pages of a large value lie side by side, so some of what is free stays free."""


class Day:
    """Hours on one server, one after the other, and what each left behind."""

    def __init__(self, server: Server, store: Store, *, seed: int) -> None:
        self.stocks: list[Stock] = []
        self.acknowledged, self.joins = 0, 0
        self._server, self._store, self._chance = server, store, Random(seed)
        self._oldest = server.workers()[0]

    def pass_hour(self) -> None:
        """Live an hour, balance its books, put them away and count what is left."""
        number = len(self.stocks) + 1
        with Listener(self._server) as listener:
            with shopping(self._server, count=CUSTOMERS, pause_s=PAUSE_S) as customers:
                hour = Hour(
                    self._server, self._store, customers, number=number, chance=self._chance
                )
                hour.pass_by()
            wait_idle(self._store)
            items = map(msgspec.json.decode, self._store.streams.group("items", "room"))
            last = {item["id"]: item["n"] for item in items}
            wait_until(lambda: listener.heard == last, what=f"{last} is heard")
        assert listener.back == [], "heard out of order"
        self.joins += listener.joins
        self._balance(customers, poisons=hour.poisons)
        self._put_away(last)
        assert self._server.workers()[0] == self._oldest
        self.stocks.append(stock_of(self._server, self._store, self._oldest))
        note(f"hour={number} {self.stocks[-1]}")

    def _balance(self, customers: list[Customer], *, poisons: int) -> None:
        orders = set[str]().union(*(customer.orders for customer in customers))
        statuses = set[int]().union(*(customer.statuses for customer in customers))
        depths = {step: self._store.events.depth(step) for step in self._store.events.steps()}
        count, queue, mirror = (keys(self._store, book) for book in BOOKS)
        assert orders <= count, "lost"
        assert count == queue == mirror, "an emit reached some of its steps alone"
        assert not keys(self._store, "overtaken")
        assert statuses <= {202} | REFUSED
        # A run of the cron step may be queued again by now.
        dead = {step: depth.dead for step, depth in depths.items() if depth.dead}
        assert dead == {FAILING: poisons}
        self.acknowledged += len(orders)

    def _put_away(self, items: Iterable[str]) -> None:
        for book in (*BOOKS, "tried", "last"):
            self._store.write(StateClear(group=book))
        for name in items:
            self._store.write(StreamDelete(stream="items", group="room", item_id=name))
        self._store.write(Sweep(dead_age_s=0.0, dead_count_max=0, rows_max=500))


def assert_as_before(stocks: list[Stock]) -> None:
    """No later stock may hold more than the first, or the first that had settled, but a little."""
    is_settled = len(stocks) > SETTLED_HOURS + 1
    first, *later = stocks[SETTLED_HOURS:] if is_settled else stocks
    more_mb_max = MEMORY_MB_MORE_MAX if is_settled else WARMING_MB_MAX
    assert later
    for stock in later:
        assert stock.children == first.children, stock
        assert stock.master_descriptors <= first.master_descriptors, stock
        assert stock.files <= first.files + FILES_MORE_MAX, stock
        assert stock.descriptors <= first.descriptors + DESCRIPTORS_MORE_MAX, stock
        assert stock.threads <= first.threads + THREADS_MORE_MAX, stock
        assert stock.memory_mb <= first.memory_mb + more_mb_max, stock
        assert stock.node_mb <= first.node_mb + more_mb_max, stock
        assert stock.used_bytes <= USED_BYTES_MAX, stock
        assert stock.file_bytes <= FILE_BYTES_MAX, stock


def run_day(tmp_path: Path, *, hours: int, limit_s: float = 0.0) -> None:
    """Let at least so many hours pass, and more until the time is up."""
    project = write_project(tmp_path / "project", FILES)
    began_s = time.monotonic()
    with (
        Server(project, options=workers(OWN, WORKERS), env=ENV) as server,
        store_of(server) as store,
    ):
        day = Day(server, store, seed=new_seed())
        slot_s, before = fired(store)
        while len(day.stocks) < hours or time.monotonic() - began_s < limit_s:
            day.pass_hour()
        last_s, after = fired(store)

        slots = round(last_s - slot_s)
        note(
            f"hours={len(day.stocks)} s={time.monotonic() - began_s:.0f} "
            f"acknowledged={day.acknowledged} joins={day.joins} slots={slots} "
            f"fired={after - before}"
        )
        assert after - before <= slots, "a slot fired twice"
        assert after - before >= FIRED_SHARE_MIN * slots
        assert_as_before(day.stocks)
        server.stop_cleanly()


def test_after_some_hours_all_is_as_it_was_and_the_books_balance(tmp_path: Path) -> None:
    run_day(tmp_path, hours=2)


@pytest.mark.stress
@pytest.mark.timeout(SOAK_S + 300)
def test_so_it_is_after_a_day(tmp_path: Path) -> None:
    run_day(tmp_path, hours=SETTLED_HOURS + 2, limit_s=SOAK_S)
