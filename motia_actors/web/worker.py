"""Our own gunicorn worker: `gunicorn -k motia_actors.web.worker.ActorWorker motia_actors.wsgi`.

One event loop accepts, does TLS, reads requests and writes answers; a pool of threads calls the
WSGI application with complete requests. A slow client costs a buffer instead of a thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import importlib
import os
import resource
import time
from typing import Any

from gunicorn import sock
from gunicorn.config import Config
from gunicorn.errors import ConfigError
from gunicorn.workers.base import Worker

from motia_actors.settings import Settings, read_settings
from motia_actors.web.connection import Connection
from motia_actors.web.heads import Head
from motia_actors.web.service import Hooks, Service
from motia_actors.web.threadpool import ThreadPool

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
    """gunicorn's worker with an event loop in front of a pool of threads."""

    @classmethod
    def check_config(cls, cfg: Config, _log: Any) -> None:
        """Refuse what it cannot do, before anything starts."""
        if "h2" in getattr(cfg, "http_protocols", ()):
            raise ConfigError("ActorWorker speaks HTTP/1 only; leave h2 out of http_protocols")

    def init_process(self) -> None:
        """Make the loop, import the application, and serve."""
        self.check_config(self.cfg, self.log)
        _allow_files(self.cfg.worker_connections)
        self.loop = _new_loop()
        asyncio.set_event_loop(self.loop)
        super().init_process()

    def run(self) -> None:
        """Serve until told to leave."""
        try:
            self.loop.run_until_complete(self._serve())
        finally:
            self.loop.close()

    async def _serve(self) -> None:
        settings: Settings = read_settings()
        pool = ThreadPool(
            max(1, self.cfg.threads),
            waiting_max=settings.requests_waiting_max,
            later=functools.partial(self.loop.call_later, WAKE_S),
        )
        service = Service(
            self.cfg,
            self.log,
            self.wsgi,
            loop=self.loop,
            pool=pool,
            hooks=_WorkerHooks(self),
            body_bytes_max=settings.body_bytes_max,
            upload_bytes_max=settings.upload_bytes_max,
            connections_per_address_max=settings.connections_per_address_max,
        )
        self.woken = asyncio.Event()
        self.loop.add_reader(self.PIPE[0], self._on_wake)
        context = sock.ssl_context(self.cfg) if self.cfg.is_ssl else None
        servers = [
            await self.loop.create_server(
                lambda: Connection(service),
                sock=listener.sock,
                ssl=context,
                backlog=self.cfg.backlog,
            )
            for listener in self.sockets
        ]
        await self._watch(service)
        for server in servers:
            server.close()
        await self._leave(service)
        pool.stop()

    async def _watch(self, service: Service) -> None:
        notified_s = 0.0
        while self.alive:
            now_s = time.monotonic()
            if now_s - notified_s >= NOTIFY_S:
                self.notify()
                notified_s = now_s
                if self.ppid != os.getppid():
                    self.log.info("Parent changed, shutting down: %s", self)
                    return
            service.check()
            await self._pause(TICK_S)

    async def _leave(self, service: Service) -> None:
        """Let requests in flight finish, then cut what is left."""
        service.begin_leave(LINGER_S)
        until_s = time.monotonic() + max(1.0, self.cfg.graceful_timeout - LEAVE_MARGIN_S)
        while service.connections and time.monotonic() < until_s:
            self.notify()
            service.check()
            await self._pause(0.05)
        for connection in list(service.connections):
            connection.abort()
        await asyncio.sleep(0)

    async def _pause(self, pause_s: float) -> None:
        self.woken.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.woken.wait(), pause_s)

    def _on_wake(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self.PIPE[0], 4096)
        self.woken.set()

    def wake(self) -> None:
        """Have the loop look whether it is to leave; any thread calls."""
        with contextlib.suppress(OSError):
            os.write(self.PIPE[1], b"1")


def _allow_files(connections: int) -> None:
    """Raise this process' limit of open files, as far as it may, to what connections need."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + FILES_SPARE
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _new_loop() -> asyncio.AbstractEventLoop:
    """Uvloop where it is installed: a request costs a quarter less."""
    try:
        loops = importlib.import_module("uvloop")
    except ImportError:
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = loops.new_event_loop()
    return loop


class _WorkerHooks(Hooks):
    """Counts requests, and calls what the configuration hooks in."""

    def __init__(self, worker: ActorWorker) -> None:
        self._worker = worker

    def begin(self, head: Head) -> None:
        worker = self._worker
        worker.cfg.pre_request(worker, head)
        worker.nr += 1
        if worker.nr >= worker.max_requests and worker.alive:
            worker.log.info("Autorestarting worker after current request.")
            worker.alive = False
            worker.wake()

    def done(self, head: Head, environ: dict[str, Any], answer: object) -> None:
        worker = self._worker
        try:
            worker.cfg.post_request(worker, head, environ, answer)
        # A hook of the user's must not take the thread along.
        except Exception:
            worker.log.exception("Exception in post_request hook")
