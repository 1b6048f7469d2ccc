"""gunicorn: how the system joins the life of its workers, and the settings we run it with.

Stock gunicorn imports an application and calls it; events and cron steps have to run without a
request, after the fork, and must be told when the worker is asked to leave. So the application
looks for the worker that is importing it and takes part in three of its moments: ready, asked
to stop (TERM), and gone.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from types import FrameType
from typing import Any, NoReturn, Protocol

from gunicorn.app.base import Application as GunicornApplication
from gunicorn.arbiter import Arbiter
from gunicorn.errors import AppImportError, HaltServer
from gunicorn.util import import_app
from gunicorn.workers.base import Worker
from gunicorn.workers.gthread import ThreadWorker

from motia_actors.errors import MotiaError
from motia_actors.threads import start_detached
from motia_actors.web.joined import joining
from motia_actors.web.settled import settle
from motia_actors.web.worker import ActorWorker

STOP_MARGIN_S = 3.0
"""Left between our own stop and the arbiter's SIGKILL."""

ENDED_STATUS = 70
"""Exit code of a worker that a step ended with a code of gunicorn's own; EX_SOFTWARE."""

RISKED_SHARE = 4
"""One thread of so many may run a handler itself, and be lost if that hangs."""

TUNED: Mapping[str, Any] = {
    "bind": ["127.0.0.1:3000"],
    "worker_class": "motia_actors.web.worker.ActorWorker",
    "threads": 32,
    "keepalive": 75,
    "worker_connections": 10_000,
    "graceful_timeout": 30,
    "timeout": 60,
    "max_requests": 0,
    # Two servers of one user would share the socket's path, and nothing of ours uses it.
    "control_socket_disable": True,
}


class Member(Protocol):
    """What takes part in a worker's life."""

    def start(self, *, inline_max: int = 0) -> None:
        """The worker is ready: begin to work.

        inline_max of its threads may be risked on running handlers themselves.
        """
        ...

    has_lost_threads: bool
    """Once it stopped: a thread of the worker is stuck for good."""

    def begin_stop(self) -> None:
        """The worker was asked to leave: take nothing new."""
        ...

    def stop(self, *, drain_s: float) -> bool:
        """The worker leaves within drain_s: finish."""
        ...


def join_worker(member: Member) -> bool:
    """Tie member to the gunicorn worker that is being set up on this thread.

    Under `--preload` the import happens in the master: the tie is then made in each child.
    Answers False where no gunicorn is at work; then member is started by its first request.
    """
    for frame in _frames():
        owner = frame.f_locals.get("self")
        if isinstance(owner, Worker):
            _tie(member, owner)
            return True
        if isinstance(owner, Arbiter):
            os.register_at_fork(after_in_child=lambda: _tie_child(member))
            return True
    return False


def _frames() -> Iterator[FrameType]:
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 (who imports us is on the stack)
    while frame is not None:
        yield frame
        frame = frame.f_back


def _tie_child(member: Member) -> None:
    """In a fork: if it is gunicorn that forks, the worker to be is a local of its frame."""
    for frame in _frames():
        if isinstance(frame.f_locals.get("self"), Arbiter):
            worker = frame.f_locals.get("worker")
            if isinstance(worker, Worker):
                _tie(member, worker)
            return


def _tie(member: Member, worker: Worker) -> None:
    ready, gone = worker.cfg.post_worker_init, worker.cfg.worker_exit

    def on_ready(worker: Any) -> None:
        ready(worker)
        try:
            member.start(inline_max=_threads_to_risk(worker))
        except MotiaError as error:
            # The one error that gunicorn tells as a sentence instead of a traceback.
            raise AppImportError(str(error)) from error
        if not isinstance(worker, ActorWorker):
            worker.wsgi = joining(worker.wsgi)
            settle(worker.cfg)
        _on_term(member.begin_stop)
        _spare_server()
        # What is there by now stays: each look of the garbage collector at all of it would hold up
        # every request for longer than most take.
        gc.collect()
        gc.freeze()

    def on_gone(arbiter: Any, worker: Any) -> None:
        member.stop(drain_s=max(1.0, worker.cfg.graceful_timeout - STOP_MARGIN_S))
        gone(arbiter, worker)
        if member.has_lost_threads:
            # The interpreter would wait for it at the end. Everything else is done.
            sys.stderr.flush()
            os._exit(0)

    if not isinstance(worker, ActorWorker) and worker.cfg.http_parser == "auto":
        # gunicorn takes the compiled parser where it finds it, and that one lets pass what
        # others read in another way: a bare LF, a folded line. Our own worker looks for those.
        worker.cfg.set("http_parser", "python")
    # The settings are this process' own: it is a fork, or the one that imports for itself.
    worker.cfg.set("post_worker_init", on_ready)
    worker.cfg.set("worker_exit", on_gone)


def _threads_to_risk(worker: Worker) -> int:
    """A quarter of a pool; where threads are greenlets, or there is but one, none."""
    is_pool = isinstance(worker, ThreadWorker | ActorWorker)
    return int(worker.cfg.threads) // RISKED_SHARE if is_pool else 0


def _spare_server() -> None:
    """Have a step's `os._exit(3)` end this worker alone.

    By 3 and 4 gunicorn's workers say that none of them can start, and then it ends as a whole. This
    one has started.
    """
    end, worker_pid = os._exit, os.getpid()

    def end_worker(status: int) -> NoReturn:
        is_ours = os.getpid() == worker_pid  # What a step forks ends as it likes.
        is_taken = status & 0xFF in (Arbiter.WORKER_BOOT_ERROR, Arbiter.APP_LOAD_ERROR)
        end(ENDED_STATUS if is_ours and is_taken else status)

    os._exit = end_worker


def _on_term(callback: Callable[[], None]) -> None:
    """Call callback on a thread of its own when TERM comes, then do what was done before.

    Not in the handler itself: it runs between two instructions of the main thread, which may
    just hold a lock that callback wants.
    """
    former = signal.getsignal(signal.SIGTERM)

    def on_term(number: int, frame: FrameType | None) -> None:
        start_detached(callback)
        if callable(former):
            former(number, frame)

    signal.signal(signal.SIGTERM, on_term)


class Server(GunicornApplication):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn with our settings, under the project's `gunicorn.conf.py`, under options.

    Args:
        options: Names and values of gunicorn's settings, from the command line.
        app: The application, as `module:name`.
    """

    def __init__(self, options: Mapping[str, Any], *, app: str = "motia_actors.wsgi") -> None:
        self._options, self._app = options, app
        super().__init__(prog="motia-actors")

    def load_config(self) -> None:
        """Apply settings, the weakest first."""
        for name, value in TUNED.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)
        if os.path.exists("gunicorn.conf.py"):  # noqa: PTH110 (gunicorn wants the text)
            self.load_config_from_file("gunicorn.conf.py")
        for name, value in self._options.items():
            if value is not None:
                self.cfg.set(name, value)

    def run(self) -> None:
        """Serve until told to stop, or until no worker can start."""
        try:
            super().run()
        except HaltServer as halt:
            # A second worker failed to start while gunicorn was ending because of the first.
            sys.exit(halt.exit_status)

    def load(self) -> Any:
        """Import the application, in the worker."""
        return import_app(self._app)
