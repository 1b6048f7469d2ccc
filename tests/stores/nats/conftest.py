"""Servers, and stores of several hosts on them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from motia_actors.clock import SystemClock
from motia_actors.store import Store
from motia_actors.stores.nats.address import parse
from motia_actors.stores.nats.store import NatsStore
from tests.nats_servers import Server, address, one_server
from tests.stores.driving import driven

Host = Callable[[str], AbstractContextManager[Store]]

_systems = itertools.count()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with one_server(tmp_path / "server") as server:
        yield server


@pytest.fixture
def host(server: Server, tmp_path: Path) -> Host:
    """Opens a store with a folder of its own for each name: a host of one system."""
    where = parse(address([server], more=f"&log_bytes={64 * 2**20}"))

    @contextmanager
    def opened(name: str) -> Iterator[Store]:
        store = NatsStore(where, tmp_path / name, SystemClock(), map_bytes_max=2**28)
        with driven(store) as open_store:
            yield open_store

    return opened
