"""The WSGI application of one process: starts the system behind it, and stops it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from motia_actors.clock import Clock, SystemClock
from motia_actors.running import Running
from motia_actors.settings import Settings, load_env_file, read_settings
from motia_actors.threads import allocate_lock


class Application:
    """One process of a project: the WSGI application and the actor system behind it.

    Made at any time, also before a fork; `start` opens files and starts threads. A call before
    that starts it.

    Args:
        settings: None: read from the environment when it starts.
        clock: What time it is.
    """

    def __init__(self, settings: Settings | None = None, *, clock: Clock | None = None) -> None:
        self._given = settings
        self._clock = clock or SystemClock()
        self._lock = allocate_lock()
        self._running: Running | None = None
        self._serve: Callable[[dict[str, Any], Any], Iterable[bytes]] | None = None
        self.has_lost_threads = False
        """After the stop: a thread of the server is stuck in a handler."""

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer a request, as WSGI has it."""
        serve = self._serve
        if serve is None:
            self.start()
            serve = self._serve
            assert serve is not None
        return serve(environ, start_response)

    def is_swift(self, environ: dict[str, Any]) -> bool:
        """Whether a request is answered in less time than it takes to hand it to a thread.

        So it has been with the last ones for its step, which waited for nothing either.
        """
        running = self._running
        return (
            running is not None
            and not running.live.is_for(environ)
            and running.front.is_swift(environ)
        )

    def start(self, *, inline_max: int = 0) -> None:
        """Read the project, open its store and start every actor. Once; later calls return.

        Args:
            inline_max: How many request threads may run a handler themselves at a time.

        Raises:
            MotiaError: a setting is wrong, or the store cannot be opened.
        """
        with self._lock:
            if self._running is None:
                settings = self._given or self._settings()
                running = Running(settings, self._clock, inline_max=inline_max)
                running.start()
                self._running, self._serve = running, running.live.over(running.front.app)

    def begin_stop(self) -> None:
        """Take nothing new; what runs goes on."""
        running = self._running  # `stop` may come on another thread meanwhile.
        if running is not None:
            running.system.begin_stop()
            running.live.begin_stop()
            running.front.streams.begin_stop()

    def stop(self, *, drain_s: float) -> bool:
        """Finish what runs within drain_s, and let go of everything."""
        with self._lock:
            running, self._running = self._running, None
        if running is None:
            return True
        is_quiet = running.stop(drain_s=drain_s)
        self.has_lost_threads = running.system.has_lost_threads
        return is_quiet

    @staticmethod
    def _settings() -> Settings:
        load_env_file(Path(os.environ.get("MOTIA_PROJECT") or ".") / ".env")
        return read_settings()
