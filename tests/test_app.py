"""A whole process of a project, in this one: started, asked, reloaded, stopped."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from falcon import testing

from motia_actors.app import Application
from motia_actors.errors import MotiaError, SettingsError, StoreError
from motia_actors.messages import Change
from motia_actors.running import Running, concurrency_of, limit_s_of
from motia_actors.settings import Settings
from motia_actors.steps.config import Infrastructure, Step
from motia_actors.store import Ack, Bury, Write
from motia_actors.threads import NativeThread, Signal
from tests.e2e.server import write_project

WAIT_S_MAX = 10.0

ORDER = """
config = {
    "name": "Order", "type": "api", "path": "/orders", "method": "POST",
    "emits": ["order.made"],
    "bodySchema": {
        "type": "object", "properties": {"sku": {"type": "string"}}, "required": ["sku"]
    },
}

async def handler(req, context):
    await context.emit({"topic": "order.made", "data": {"sku": req.body["sku"], "count": COUNT}})
    return {"status": 202, "body": {"trace": context.trace_id}}

COUNT = 1
"""
SHIP = """
config = {
    "name": "Ship", "type": "event", "subscribes": ["order.made"], "emits": [],
    "input": {"type": "object", "properties": {"count": {"type": "integer", "minimum": 1}}},
}

async def handler(data, context):
    await context.state.set("shipped", data["sku"], data)
"""
FILES = {"steps/order_step.py": ORDER, "steps/ship_step.py": SHIP}


class Shop:
    """An application, and a signal for each kind of write that its store has committed."""

    def __init__(self, project: Path, **settings: Any) -> None:
        self.project = project
        self.settings = Settings(project=project, **{"store": "memory://", **settings})
        self.app = Application(self.settings)
        self._committed: dict[type, Signal] = {Ack: Signal(), Bury: Signal()}

    @property
    def running(self) -> Running:
        assert self.app._running is not None, "not started"
        return self.app._running

    def start(self) -> None:
        self.app.start()
        store, commit = self.running.store, self.running.store.commit

        def told(writes: Any, **more: Any) -> Any:
            kinds = [type(write) for write in writes]
            promise = commit(writes, **more)
            promise.on_done(lambda _: self._tell(kinds))
            return promise

        store.commit = told  # type: ignore[method-assign] # to be told of commits, no more

    def _tell(self, kinds: list[type[Write[Any]]]) -> None:
        for kind, signal in self._committed.items():
            if kind in kinds:
                signal.set()

    def wait_for(self, kind: type[Write[Any]]) -> None:
        assert self._committed[kind].wait(WAIT_S_MAX), kind

    def ask(self, method: str, path: str, body: object = None) -> tuple[str, Any]:
        """Make a WSGI call; answers the status line and the body."""
        environ = testing.create_environ(
            path,
            method=method,
            body=b"" if body is None else msgspec.json.encode(body),
            headers={"content-type": "application/json"},
        )
        start = testing.StartResponseMock()
        answered = self.app(environ, start)
        data = b"".join(answered)
        if hasattr(answered, "close"):
            answered.close()
        assert start.status is not None
        return start.status, msgspec.json.decode(data) if data else None

    def state(self, group: str, key: str) -> Any:
        data = self.running.store.state.get(group, key)
        return None if data is None else msgspec.json.decode(data)

    def stop(self) -> bool:
        return self.app.stop(drain_s=WAIT_S_MAX)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)  # And back at the end, wherever the application went.
    for name in [name for name in os.environ if name.startswith("MOTIA_")]:
        monkeypatch.delenv(name)
    return write_project(tmp_path / "shop", FILES)


@pytest.fixture
def shop(project: Path) -> Iterator[Shop]:
    shop = Shop(project)
    shop.start()
    yield shop
    shop.stop()


def test_a_request_is_answered_by_its_step_and_its_event_handled(shop: Shop) -> None:
    status, body = shop.ask("POST", "/orders", {"sku": "pen"})
    shop.wait_for(Ack)

    assert status.startswith("202")
    assert body["trace"]
    assert shop.state("shipped", "pen") == {"sku": "pen", "count": 1}


def test_a_body_that_breaks_its_schema_is_refused(shop: Shop) -> None:
    status, body = shop.ask("POST", "/orders", {"sku": 7})

    assert status.startswith("400")
    assert "sku" in str(body)


def test_an_input_that_breaks_its_schema_is_a_dead_letter_at_once(project: Path) -> None:
    (project / "steps/order_step.py").write_text(ORDER.replace("COUNT = 1", "COUNT = 0"), "utf-8")
    shop = Shop(project)
    shop.start()

    shop.ask("POST", "/orders", {"sku": "pen"})
    shop.wait_for(Bury)

    (letter,) = shop.running.store.events.dead("steps/ship_step.py", count_max=10)
    assert letter.attempts == 1
    assert "count" in letter.error
    assert shop.state("shipped", "pen") is None
    assert shop.stop()


def test_a_request_whose_event_finds_a_full_queue_is_a_503(project: Path) -> None:
    limited = '"emits": [], "infrastructure": {"queue": {"depth": 1, "delaySeconds": 60}},'
    (project / "steps/ship_step.py").write_text(SHIP.replace('"emits": [],', limited), "utf-8")
    shop = Shop(project)
    shop.start()

    answers = [shop.ask("POST", "/orders", {"sku": sku})[0] for sku in ("pen", "ink")]

    assert answers == ["202 Accepted", "503 Service Unavailable"]
    assert shop.running.store.events.depth("steps/ship_step.py").waiting == 1
    assert shop.stop()


@pytest.mark.parametrize("validate", ["warn", "off"])
def test_a_lenient_project_handles_what_breaks_its_schema(project: Path, validate: str) -> None:
    (project / "steps/order_step.py").write_text(ORDER.replace("COUNT = 1", "COUNT = 0"), "utf-8")
    shop = Shop(project, validate=validate)
    shop.start()

    shop.ask("POST", "/orders", {"sku": "pen"})
    shop.wait_for(Ack)

    assert shop.state("shipped", "pen") == {"sku": "pen", "count": 0}
    assert shop.stop()


def test_a_reload_takes_over_an_edit(shop: Shop) -> None:
    path = shop.project / "steps/order_step.py"
    path.write_text(ORDER.replace("202", "201"), "utf-8")

    shop.running.reload([path])

    assert shop.ask("POST", "/orders", {"sku": "pen"})[0].startswith("201")


def test_a_reload_of_a_broken_edit_leaves_the_old_step_serving(shop: Shop) -> None:
    path = shop.project / "steps/order_step.py"
    path.write_text("config = {", "utf-8")

    shop.running.reload([path])

    assert shop.ask("POST", "/orders", {"sku": "pen"})[0].startswith("202")


def test_a_reload_serves_new_routes_and_forgets_removed_ones(shop: Shop) -> None:
    old, new = shop.project / "steps/order_step.py", shop.project / "steps/basket_step.py"
    new.write_text(ORDER.replace("/orders", "/baskets"), "utf-8")
    old.unlink()

    shop.running.reload([old, new])

    assert shop.ask("POST", "/orders", {"sku": "pen"})[0].startswith("404")
    assert shop.ask("POST", "/baskets", {"sku": "pen"})[0].startswith("202")


def test_after_a_reload_events_go_to_the_new_step(shop: Shop) -> None:
    path = shop.project / "steps/ship_step.py"
    path.write_text(SHIP.replace('"shipped"', '"sent"'), "utf-8")
    shop.running.reload([path])

    shop.ask("POST", "/orders", {"sku": "pen"})
    shop.wait_for(Ack)

    assert shop.state("sent", "pen") == {"sku": "pen", "count": 1}


def test_the_first_request_starts_it(project: Path) -> None:
    shop = Shop(project)

    assert shop.ask("POST", "/orders", {"sku": "pen"})[0].startswith("202")

    assert shop.stop()


def test_starting_twice_is_starting_once(shop: Shop) -> None:
    running = shop.running

    shop.app.start()

    assert shop.running is running


def test_threads_that_start_it_together_start_one(project: Path) -> None:
    shop, found = Shop(project), []

    def start() -> None:
        shop.app.start()
        found.append(shop.running)

    threads = [NativeThread(start, name=f"starter-{count}") for count in range(4)]
    for thread in threads:
        thread.start()

    assert all(thread.join(WAIT_S_MAX) for thread in threads)
    assert len(found) == 4
    assert len(set(found)) == 1
    assert shop.stop()


def test_a_draining_process_answers_and_is_not_ready_and_a_stopped_one_refuses(shop: Shop) -> None:
    shop.app.begin_stop()

    # The server still has connections open, and whoever uses one is served.
    served, _ = shop.ask("POST", "/orders", {"sku": "pen"})
    ready, _ = shop.ask("GET", "/readyz")
    shop.app.stop(drain_s=5.0)
    refused, _ = shop.ask("POST", "/orders", {"sku": "pen"})

    assert served.startswith("202")
    assert ready.startswith("503")
    assert refused.startswith("503")


def test_a_stop_is_quiet_and_a_second_one_does_nothing(project: Path) -> None:
    shop = Shop(project)
    shop.start()
    before = set(logging.getLogger("motia_actors").handlers)

    assert shop.stop()
    assert shop.stop()
    assert len(before - set(logging.getLogger("motia_actors").handlers)) == 1


def test_stopping_or_asking_to_stop_before_the_start_does_nothing(project: Path) -> None:
    app = Application(Settings(project=project, store="memory://"))

    app.begin_stop()

    assert app.stop(drain_s=0.0)


@pytest.mark.slow
def test_it_may_be_started_again_after_a_stop_and_finds_its_data(project: Path) -> None:
    shop = Shop(project, store="lmdb://data/shop", unsafe_no_sync=True)
    shop.start()
    shop.ask("POST", "/orders", {"sku": "pen"})
    shop.wait_for(Ack)
    shop.stop()

    shop.start()

    assert shop.state("shipped", "pen") == {"sku": "pen", "count": 1}
    assert shop.stop()
    assert (project / "data/shop").is_dir()


def test_the_working_directory_is_the_projects(shop: Shop) -> None:
    assert Path.cwd() == shop.project


def failure(app: Application) -> MotiaError:
    """What starting raises, having left nothing behind."""
    before = list(logging.getLogger("motia_actors").handlers)
    with pytest.raises(MotiaError) as raised:
        app.start()
    assert logging.getLogger("motia_actors").handlers == before
    assert app.stop(drain_s=0.0)
    return raised.value


def test_a_missing_project_folder_is_named(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOTIA_PROJECT", str(project / "nowhere"))

    error = failure(Application())

    assert isinstance(error, SettingsError)
    assert "nowhere" in str(error)


def test_a_malformed_store_is_named(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOTIA_PROJECT", str(project))
    monkeypatch.setenv("MOTIA_STORE", "redis://localhost")

    error = failure(Application())

    assert isinstance(error, SettingsError)
    assert "MOTIA_STORE" in str(error)


def test_a_store_that_cannot_be_opened_is_named_and_leaves_nothing_behind(project: Path) -> None:
    (project / "data").write_text("no folder", "utf-8")

    error = failure(Shop(project, store="lmdb://data").app)

    assert isinstance(error, StoreError)
    assert str(project / "data") in str(error)


def test_a_start_that_failed_may_be_tried_again(project: Path) -> None:
    (project / "data").write_text("no folder", "utf-8")
    shop = Shop(project, store="lmdb://data", unsafe_no_sync=True)
    failure(shop.app)
    (project / "data").unlink()

    shop.start()

    assert shop.ask("POST", "/orders", {"sku": "pen"})[0].startswith("202")
    assert shop.stop()


def test_the_projects_env_file_is_read(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOTIA_PROJECT", str(project))
    monkeypatch.setattr(os, "environ", dict(os.environ))
    (project / ".env").write_text("MOTIA_STORE=memory://\nMOTIA_CORS=off\n", "utf-8")
    app = Application()

    app.start()

    assert app._running is not None
    assert app._running.settings.cors == "off"
    assert app.stop(drain_s=WAIT_S_MAX)


def a_step(kind: Any, **infrastructure: Any) -> Step:
    return Step(
        id="steps/a_step.py",
        kind=kind,
        name="A",
        infrastructure=Infrastructure(**infrastructure),
    )


def test_limits_are_the_steps_own_or_those_of_its_kind() -> None:
    settings = Settings(api_limit_s=30.0, event_limit_s=0.0)

    limits = [limit_s_of(a_step(kind), settings) for kind in ("api", "event", "cron")]

    assert limits == [30.0, None, None]
    assert limit_s_of(a_step("event", timeout_s=5.0), settings) == 5.0


def test_concurrency_is_the_steps_own_or_that_of_its_kind() -> None:
    settings = Settings(api_concurrency=7, event_concurrency=3)

    counts = [concurrency_of(a_step(kind), settings) for kind in ("api", "event", "cron")]

    assert counts == [7, 3, 1]
    assert concurrency_of(a_step("cron", concurrency=2), settings) == 2


STREAM = "config = {'name': 'rooms', 'schema': {'type': 'object'}, 'baseConfig': {}}"


def test_a_stream_of_the_project_is_written_by_its_steps(project: Path) -> None:
    text = SHIP.replace(
        'context.state.set("shipped", data["sku"], data)',
        'context.streams.rooms.set("hall", "r1", {"size": 3})',
    )
    shop = Shop(
        write_project(project, {"steps/ship_step.py": text, "steps/rooms_stream.py": STREAM})
    )
    shop.start()

    shop.ask("POST", "/orders", {"sku": "pen"})
    shop.wait_for(Ack)

    changes: list[Change] = shop.running.store.streams.changes(after_seq=0, count_max=10)
    assert [(change.stream, change.group, change.type) for change in changes] == [
        ("rooms", "hall", "create")
    ]
    assert shop.stop()
