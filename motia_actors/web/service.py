"""What the connections of a worker share: limits, threads, and the way back to the poller."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from gunicorn.config import Config
from gunicorn.http.message import _ip_in_allow_list

from motia_actors.web.connection import Connection
from motia_actors.web.exchange import Exchange, Host
from motia_actors.web.heads import Head
from motia_actors.web.poller import Poller
from motia_actors.web.settled import settle
from motia_actors.web.threadpool import ThreadPool

App = Callable[[dict[str, Any], Any], Iterable[bytes]]

LENT_BODY_BYTES_MAX = 16 * 1024
"""Of a request that the poller's own thread answers: to read a large one takes its time."""


class Hooks:
    """What a worker wants to hear of each request; any thread calls."""

    def begin(self, head: Head) -> None:
        """A thread begins to answer it."""

    def done(self, head: Head, environ: dict[str, Any], answer: object) -> None:
        """It has been answered."""


class Service(Host):
    """Serves an application to any number of connections of one poller.

    An application may have `is_swift`, which tells of an environment that its request is answered
    in less time than it takes to hand it to a thread: such a one is answered by the poller's own.

    Args:
        body_bytes_max: Of a request, once its coding is off; more is a 413.
        upload_bytes_max: The same of a multipart body.
        connections_per_address_max: Of a client that is no trusted proxy; more get a 503.
    """

    def __init__(
        self,
        cfg: Config,
        log: Any,
        app: App,
        *,
        poller: Poller,
        pool: ThreadPool,
        hooks: Hooks | None = None,
        body_bytes_max: int,
        upload_bytes_max: int,
        connections_per_address_max: int,
    ) -> None:
        settle(cfg)
        self.cfg, self.log, self.app = cfg, log, app
        self.body_bytes_max, self.upload_bytes_max = body_bytes_max, upload_bytes_max
        self.is_leaving = False
        self.connections: set[Connection] = set()
        self.now_s = time.monotonic
        self.poller, self._pool, self._hooks = poller, pool, hooks or Hooks()
        # Where threads run at the same time, one for all would be the slower way.
        can_lend = getattr(sys, "_is_gil_enabled", lambda: True)()
        self._is_swift: Callable[[dict[str, Any]], bool] = (
            getattr(app, "is_swift", _never) if can_lend else _never
        )
        self._per_address_max = connections_per_address_max
        self._per_address: Counter[str] = Counter()

    def admit(self, connection: Connection) -> bool:
        """Count a connection; False where there are too many."""
        self.connections.add(connection)
        self._per_address[connection.address] += 1
        if len(self.connections) > self.cfg.worker_connections:
            return False
        address = connection.address
        return self._per_address[address] <= self._per_address_max or self._is_trusted(address)

    def forget(self, connection: Connection) -> None:
        """A connection is gone."""
        self.connections.discard(connection)
        self._per_address[connection.address] -= 1
        if self._per_address[connection.address] <= 0:
            del self._per_address[connection.address]

    def _is_trusted(self, address: str) -> bool:
        # A unix socket has no addresses, and behind a proxy all clients have its own.
        networks = self.cfg.forwarded_allow_networks()
        return not address or _ip_in_allow_list(address, self.cfg.forwarded_allow_ips, networks)

    def check(self) -> None:
        """See to every connection whose time is up."""
        now_s = self.now_s()
        for connection in list(self.connections):
            connection.check(now_s)

    def begin_leave(self, linger_s: float) -> None:
        """Take nothing new; connections that wait for a request get linger_s for it."""
        self.is_leaving = True
        due_s = self.now_s() + linger_s
        for connection in list(self.connections):
            connection.begin_leave(due_s)

    def abort(self) -> None:
        """Cut every connection."""
        for connection in list(self.connections):
            connection.abort()

    def give_nowait(self, exchange: Exchange) -> bool:
        """Let a thread answer; False where too many requests wait for one."""
        if exchange.size <= LENT_BODY_BYTES_MAX and self._is_swift(exchange.environ):
            exchange.lend()
            return True
        return self._pool.give_nowait(exchange.run)

    def begin(self, head: Head) -> None:
        """Tell the worker."""
        self._hooks.begin(head)

    def done(self, exchange: Exchange) -> None:
        """Tell the worker."""
        self._hooks.done(exchange.head, exchange.environ, exchange.answer)

    def send(self, exchange: Exchange, data: bytes, *, is_end: bool) -> None:
        """Write, or have the poller write; any thread calls."""
        owner, is_sent = exchange.owner, False
        if is_end and exchange.take_over is None and exchange.room is None:
            sent = owner.send_now(data)
            is_sent, data = sent == len(data), data[sent:]
        self.poller.call_in_time(lambda: owner.answer(exchange, data, is_end=is_end))
        # Looked at when the call is there: what the poller read before, it does not look at again,
        # and what it reads later makes it look.
        if not is_sent or owner.has_more(exchange):
            self.poller.wake()

    def desert(self, exchange: Exchange) -> None:
        """Have the poller answer for a thread that is stuck, and start another."""
        if not exchange.is_on_poller:  # That one sees to itself.
            self._pool.replace()
        self.poller.call_soon_threadsafe(lambda: exchange.owner.desert(exchange))


def _never(_environ: dict[str, Any]) -> bool:
    return False
