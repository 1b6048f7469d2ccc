"""Our own gunicorn worker: `gunicorn -k motia_actors.web.worker.ActorWorker motia_actors.wsgi`.

A poller accepts, does TLS, reads requests and writes answers; a pool of threads calls the WSGI
application with complete requests. A slow client costs a buffer instead of a thread.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import resource
import select
import socket
import time
from typing import Any

from gunicorn import sock
from gunicorn.config import Config, PostRequest, PreRequest
from gunicorn.errors import ConfigError
from gunicorn.workers.base import Worker

from motia_actors.settings import Settings, read_settings
from motia_actors.web.acceptor import Acceptor
from motia_actors.web.connection import Connection
from motia_actors.web.heads import Head
from motia_actors.web.poller import Poller
from motia_actors.web.service import Hooks, Service
from motia_actors.web.threadpool import ThreadPool
from motia_actors.web.transport import SocketTransport

TICK_S = 0.25
"""How often deadlines are looked at."""
NOTIFY_S = 1.0
FILES_SPARE = 500
"""Open files of a worker besides its connections: the store, logs, children, steps' own."""
WAKE_S = 0.001
"""So long a request waits for a thread that is awake before another is woken."""
LINGER_S = 1.0
"""How long a kept connection waits for a request that may be on its way, when we leave."""
LEAVE_MARGIN_S = 4.0
"""Left of the graceful timeout for the application to finish."""


class ActorWorker(Worker):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's worker with a poller in front of a pool of threads."""

    @classmethod
    def check_config(cls, cfg: Config, _log: Any) -> None:
        """Refuse what it cannot do, before anything starts."""
        if "h2" in getattr(cfg, "http_protocols", ()):
            raise ConfigError("ActorWorker speaks HTTP/1 only; leave h2 out of http_protocols")

    def init_process(self) -> None:
        """Import the application, and serve."""
        self.check_config(self.cfg, self.log)
        _allow_files(self.cfg.worker_connections)
        super().init_process()

    def run(self) -> None:
        """Serve until told to leave. This thread does gunicorn's duties, the poller's the rest."""
        settings: Settings = read_settings()
        poller = Poller()
        pool = ThreadPool(
            max(1, self.cfg.threads),
            waiting_max=settings.requests_waiting_max,
            later=functools.partial(poller.call_later, WAKE_S),
        )
        service = Service(
            self.cfg,
            self.log,
            self.wsgi,
            poller=poller,
            pool=pool,
            hooks=_WorkerHooks(self),
            body_bytes_max=settings.body_bytes_max,
            upload_bytes_max=settings.upload_bytes_max,
            connections_per_address_max=settings.connections_per_address_max,
        )
        context = sock.ssl_context(self.cfg) if self.cfg.is_ssl else None

        def serve(client: socket.socket) -> None:
            SocketTransport(poller, client, Connection(service))

        acceptors = [
            Acceptor(
                poller,
                listener.sock,
                serve,
                context=context,
                is_shared=self.cfg.workers > 1,
            )
            for listener in self.sockets
        ]
        poller.start()
        try:
            self._watch(poller, service)
            for acceptor in acceptors:
                poller.call_soon_threadsafe(acceptor.close)
            self._leave(poller, service)
        finally:
            poller.stop()
            pool.stop()

    def _watch(self, poller: Poller, service: Service) -> None:
        pulse = _Pulse(poller, service)
        notified_s = 0.0
        while self.alive:
            pulse.beat()
            # Told to the arbiter while the poller goes on only: it ends a worker that does not.
            if pulse.seen_s - notified_s >= NOTIFY_S:
                self.notify()
                notified_s = pulse.seen_s
                if self.ppid != os.getppid():
                    self.log.info("Parent changed, shutting down: %s", self)
                    return
            self._pause(TICK_S)

    def _leave(self, poller: Poller, service: Service) -> None:
        """Let requests in flight finish, then cut what is left."""
        poller.call_soon_threadsafe(lambda: service.begin_leave(LINGER_S))
        until_s = time.monotonic() + max(1.0, self.cfg.graceful_timeout - LEAVE_MARGIN_S)
        pulse = _Pulse(poller, service)
        pulse.beat()
        while not (pulse.is_idle and service.is_leaving) and time.monotonic() < until_s:
            self.notify()
            self._pause(0.05)
            pulse.beat()
        poller.call_soon_threadsafe(service.abort)

    def _pause(self, pause_s: float) -> None:
        """Wait, or be woken by a signal or by `wake`."""
        if select.select([self.PIPE[0]], [], [], pause_s)[0]:
            with contextlib.suppress(BlockingIOError):
                os.read(self.PIPE[0], 4096)

    def wake(self) -> None:
        """Look whether it is to leave; any thread calls."""
        with contextlib.suppress(OSError):
            os.write(self.PIPE[1], b"1")


class _Pulse:
    """Has the poller look at its connections, and knows when it last did."""

    def __init__(self, poller: Poller, service: Service) -> None:
        self._poller, self._service = poller, service
        self._is_asked = False
        self.seen_s = time.monotonic()
        self.is_idle = False
        """There were no connections."""

    def beat(self) -> None:
        """Ask again, once it has answered."""
        if not self._is_asked:
            self._is_asked = True
            self._poller.call_soon_threadsafe(self._seen)

    def _seen(self) -> None:
        self._service.check()
        self.is_idle = not self._service.connections
        self.seen_s = time.monotonic()
        self._is_asked = False


def _allow_files(connections: int) -> None:
    """Raise this process' limit of open files, as far as it may, to what connections need."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + FILES_SPARE
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class _WorkerHooks(Hooks):
    """Counts requests, and calls what the configuration hooks in."""

    def __init__(self, worker: ActorWorker) -> None:
        self._worker = worker
        cfg, is_debug = worker.cfg, worker.log.error_log.isEnabledFor(logging.DEBUG)
        # The usual ones do nothing, or log at a level that is off.
        is_usual = cfg.pre_request is PreRequest.default and not is_debug
        self._before = None if is_usual else cfg.pre_request
        self._after = None if cfg.post_request is PostRequest.default else cfg.post_request

    def begin(self, head: Head) -> None:
        worker = self._worker
        if self._before is not None:
            self._before(worker, head)
        worker.nr += 1
        if worker.nr >= worker.max_requests and worker.alive:
            worker.log.info("Autorestarting worker after current request.")
            worker.alive = False
            worker.wake()

    def done(self, head: Head, environ: dict[str, Any], answer: object) -> None:
        if self._after is None:
            return
        worker = self._worker
        try:
            self._after(worker, head, environ, answer)
        # A hook of the user's must not take the thread along.
        except Exception:
            worker.log.exception("Exception in post_request hook")
