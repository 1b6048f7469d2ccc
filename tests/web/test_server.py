"""gunicorn's settings and their order, and how an application joins a worker's life."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gunicorn.arbiter import Arbiter
from gunicorn.config import Config
from gunicorn.workers.base import Worker
from gunicorn.workers.gthread import ThreadWorker

from motia_actors.threads import Signal
from motia_actors.web import server as module
from motia_actors.web.server import STOP_MARGIN_S, TUNED, Member, Server, join_worker
from motia_actors.web.settled import SettledConfig
from motia_actors.web.worker import ActorWorker

WAIT_S_MAX = 5.0


class Told(Member):
    """A member that remembers what it was told."""

    has_lost_threads = False

    def __init__(self) -> None:
        self.started: list[int] = []
        self.stopped: list[float] = []
        self.begun = Signal()

    def start(self, *, inline_max: int = 0) -> None:
        self.started.append(inline_max)

    def begin_stop(self) -> None:
        self.begun.set()

    def stop(self, *, drain_s: float) -> bool:
        self.stopped.append(drain_s)
        return True


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def server(**options: Any) -> Server:
    return Server(options)


def test_without_a_word_gunicorn_runs_as_tuned(folder: Path) -> None:
    cfg = server().cfg

    assert {name: cfg.settings[name].get() for name in TUNED} == dict(TUNED)
    assert issubclass(cfg.worker_class, ActorWorker)


def test_the_projects_file_wins_over_what_is_tuned(folder: Path) -> None:
    (folder / "gunicorn.conf.py").write_text("threads = 3\nkeepalive = 9\n", "utf-8")

    cfg = server().cfg

    assert (cfg.threads, cfg.keepalive) == (3, 9)
    assert cfg.graceful_timeout == TUNED["graceful_timeout"]


def test_an_option_wins_over_the_projects_file_unless_it_is_none(folder: Path) -> None:
    (folder / "gunicorn.conf.py").write_text("threads = 3\nworkers = 7\n", "utf-8")

    cfg = server(threads=5, workers=None).cfg

    assert (cfg.threads, cfg.workers) == (5, 7)


def test_a_setting_this_gunicorn_does_not_know_is_left_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TUNED", {**TUNED, "of_a_later_version": True})

    assert server().cfg.threads == TUNED["threads"]


def test_the_application_is_imported_when_the_worker_asks(folder: Path) -> None:
    loaded = Server({}, app="tests.web.test_server:an_application").load()

    assert loaded is an_application


def an_application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    return []


def test_outside_gunicorn_nobody_is_joined() -> None:
    member = Told()

    assert not join_worker(member)
    assert member.started == []


def a_worker(kind: type[Worker], **settings: Any) -> Worker:
    """A worker as the arbiter makes it, before it serves."""
    cfg: Any = Config()
    for name, value in settings.items():
        cfg.set(name, value)
    worker: Any = object.__new__(kind)
    worker.cfg, worker.log = cfg, None
    worker.wsgi = an_application
    return worker


def join_from(worker: Worker, member: Member) -> bool:
    """Call join_worker with worker's frame on the stack."""

    def load(self: Worker) -> bool:
        return join_worker(member)

    return load(worker)


@pytest.fixture
def former() -> Iterator[list[int]]:
    """Put the handler of TERM back at the end, and count its calls in between."""
    called: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: called.append(number))
    yield called
    signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("former")
def test_workers_of_gunicorns_own_are_made_quicker() -> None:
    stock, ours = a_worker(ThreadWorker), a_worker(ActorWorker)
    for worker in (stock, ours):
        join_from(worker, Told())

        worker.cfg.post_worker_init(worker)

    assert stock.wsgi is not an_application
    assert ours.wsgi is an_application
    assert [type(worker.cfg) for worker in (stock, ours)] == [SettledConfig, Config]


def test_a_joined_member_starts_when_the_worker_is_ready_and_not_before(former: list[int]) -> None:
    member, worker = Told(), a_worker(ThreadWorker, threads=32)

    joined = join_from(worker, member)
    before = list(member.started)
    worker.cfg.post_worker_init(worker)

    assert joined
    assert before == []
    assert len(member.started) == 1
    assert 0 < member.started[0] < 32


def fork(self: Arbiter, member: Member, worker: object) -> None:
    """What the child of a fork runs, with the frame of the arbiter that forked on the stack."""
    module._tie_child(member)
    del self, worker  # Both are read from this frame.


def test_under_preload_the_worker_is_joined_in_the_fork(former: list[int]) -> None:
    member, worker = Told(), a_worker(Worker)

    fork(object.__new__(Arbiter), member, worker)
    worker.cfg.post_worker_init(worker)

    assert member.started == [0]


def test_a_fork_of_the_arbiter_that_is_no_worker_joins_nobody() -> None:
    member = Told()

    fork(object.__new__(Arbiter), member, None)
    module._tie_child(member)

    assert member.started == []


def test_a_worker_without_a_pool_risks_no_thread(former: list[int]) -> None:
    member, worker = Told(), a_worker(Worker, threads=1)
    join_from(worker, member)

    worker.cfg.post_worker_init(worker)

    assert member.started == [0]


def test_the_hooks_of_the_project_are_called_too(former: list[int]) -> None:
    called: list[str] = []
    worker = a_worker(
        Worker,
        post_worker_init=lambda _: called.append("ready"),
        worker_exit=lambda _arbiter, _worker: called.append("gone"),
    )
    join_from(worker, Told())

    worker.cfg.post_worker_init(worker)
    worker.cfg.worker_exit(None, worker)

    assert called == ["ready", "gone"]


def test_term_begins_the_stop_and_goes_on_to_gunicorns_handler(former: list[int]) -> None:
    member, worker = Told(), a_worker(Worker)
    join_from(worker, member)
    worker.cfg.post_worker_init(worker)

    signal.raise_signal(signal.SIGTERM)

    assert member.begun.wait(WAIT_S_MAX)
    assert former == [signal.SIGTERM]


@pytest.mark.parametrize(("graceful_s", "drain_s"), [(30, 30 - STOP_MARGIN_S), (2, 1.0)])
def test_the_stop_ends_before_the_arbiter_loses_patience(
    former: list[int], graceful_s: int, drain_s: float
) -> None:
    member, worker = Told(), a_worker(Worker, graceful_timeout=graceful_s)
    join_from(worker, member)

    worker.cfg.worker_exit(None, worker)

    assert member.stopped == [drain_s]
