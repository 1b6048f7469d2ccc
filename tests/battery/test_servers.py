"""gunicorn under load while its workers, or all of it, are killed."""

from __future__ import annotations

import contextlib
import os
import random
import signal
from pathlib import Path

import pytest

from tests.battery.crew import new_seed, note
from tests.battery.shop import Customer, balance, serve
from tests.e2e.server import Server, wait_until

pytestmark = pytest.mark.slow

WORKERS = 3
CUSTOMERS = 3
LIMIT_S = 20.0


def wait_served(customers: list[Customer], count: int) -> None:
    """Wait until so many more orders were acknowledged."""

    def served() -> int:
        return sum(len(customer.orders) for customer in customers)

    enough = served() + count
    wait_until(lambda: served() >= enough, what=f"{count} more orders", limit_s=LIMIT_S)


def kill_workers(server: Server, customers: list[Customer], *, times: int) -> None:
    """kill -9 somebody each time that some more orders were acknowledged."""
    chance = random.Random(new_seed())

    for _ in range(times):
        wait_served(customers, chance.randint(5, 40))
        os.kill(chance.choice(server.workers()), signal.SIGKILL)


def kill_all(server: Server, customers: list[Customer], *, times: int) -> None:
    """kill -9 the master and every worker at once, and start on the same folder."""
    for _ in range(times):
        wait_served(customers, 30)
        server.kill()
        server.start()


def shop_under(tmp_path: Path, *, worker_kills: int = 0, kills: int = 0) -> None:
    with serve(tmp_path, count=WORKERS) as server, contextlib.ExitStack() as stack:
        customers = [
            stack.enter_context(Customer(server, f"customer-{number}"))
            for number in range(CUSTOMERS)
        ]
        kill_workers(server, customers, times=worker_kills)
        kill_all(server, customers, times=kills)
        stack.close()

        balance(server, customers)

        note(f"worker_kills={worker_kills} kills={kills}")
        server.stop_cleanly()


def test_each_acknowledged_order_reaches_both_steps_whoever_of_the_workers_dies(
    tmp_path: Path,
) -> None:
    shop_under(tmp_path, worker_kills=6)


def test_a_killed_server_goes_on_where_it_was_by_a_plain_start(tmp_path: Path) -> None:
    shop_under(tmp_path, kills=1)


@pytest.mark.stress
@pytest.mark.timeout(400)
def test_so_it_is_under_many_kills(tmp_path: Path) -> None:
    shop_under(tmp_path, worker_kills=60, kills=10)
