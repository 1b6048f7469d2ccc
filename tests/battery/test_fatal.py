"""A store that cannot be trusted any more ends its process, and another takes over."""

from __future__ import annotations

import contextlib
from http.client import HTTPException
from pathlib import Path

import pytest

from motia_actors.running import EXIT_FATAL
from tests.battery.shop import FILES, Customer, balance, serve
from tests.e2e.server import wait_until

pytestmark = pytest.mark.slow

# What LMDB says once a page that names all others may be half written.
BREAK = """
import contextlib

import lmdb
from motia_actors.stores.lmdb.env import Environment

config = {"name": "Break", "type": "api", "path": "/break", "method": "POST", "emits": []}


@contextlib.contextmanager
def broken(self):
    raise lmdb.PanicError("mdb_txn_begin: MDB_PANIC: Update of meta page failed")
    yield


def handler(req, context):
    Environment.write = broken
    context.state.set("a", "b", 1)
    return {"status": 200}
"""


def test_a_worker_whose_store_failed_ends_and_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    files = {**FILES, "steps/break_step.py": BREAK}
    with serve(tmp_path, count=1, files=files) as server:
        before = server.workers()
        customer = Customer(server, "anna")
        with customer:
            wait_until(lambda: len(customer.orders) > 5, what="some orders")
            # An error or no answer at all: the worker is about to end.
            with contextlib.suppress(OSError, HTTPException):
                assert server.post("/break").status >= 500
            wait_until(lambda: server.served_count() == 2, what="another worker")
            count = len(customer.orders)
            wait_until(lambda: len(customer.orders) > count + 5, what="orders go on")

        assert server.workers() != before
        assert "MDB_PANIC" in server.log()
        assert "the process ends" in server.log()
        assert f"code {EXIT_FATAL}" in server.log()
        # Refused while the worker ended; what was acknowledged is all there.
        customer.statuses &= {202}
        balance(server, [customer])
