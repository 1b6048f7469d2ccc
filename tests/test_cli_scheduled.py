"""`motia-actors scheduled …`: what it prints, and what it leaves in the store."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from motia_actors.cli import cli
from motia_actors.clock import SystemClock
from motia_actors.messages import Event, Target
from motia_actors.store import EventPut
from motia_actors.stores.lmdb.store import LmdbStore
from tests.stores.driving import driven

Invoke = Callable[..., Result]
STEP = "steps/remind_step.py"
NOON_S = 4_102_488_000.0  # 2100-01-01, noon.


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with two events for later."""
    path = tmp_path / "shop"
    (path / "steps").mkdir(parents=True)
    with driven(store_of(path)) as store:
        for topic, later_s in (("evening", 3600.0), ("noon", 0.0)):
            event = Event(id=f"id-{topic}", topic=topic, data=b'{"a":1}', trace_id="T")
            targets = (Target(step=STEP),)
            store.write(EventPut(event=event, targets=targets, not_before_s=NOON_S + later_s))
    return path


def store_of(project: Path) -> LmdbStore:
    return LmdbStore(project / ".motia" / "data", SystemClock())


@pytest.fixture
def invoke(project: Path, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    monkeypatch.delenv("MOTIA_STORE", raising=False)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(cli, ["scheduled", *arguments, "--project", str(project)])

    return run


def test_list_shows_when_and_what_first_due_first(invoke: Invoke) -> None:
    result = invoke("list")

    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        f"2100-01-01T12:00:00.000+00:00  id-noon  noon  {STEP}",
        f"2100-01-01T13:00:00.000+00:00  id-evening  evening  {STEP}",
    ]


def test_list_as_json_has_all_of_one_topic(invoke: Invoke) -> None:
    (line,) = invoke("list", "--json", "--topic", "evening").stdout.splitlines()

    assert json.loads(line) == {
        "id": "id-evening",
        "dueAt": "2100-01-01T13:00:00.000+00:00",
        "topic": "evening",
        "step": STEP,
        "data": {"a": 1},
        "traceId": "T",
        "debounced": False,
    }


def test_list_says_that_there_are_more(invoke: Invoke) -> None:
    result = invoke("list", "--limit", "1")

    assert len(result.stdout.splitlines()) == 1
    assert "1 more" in result.stderr


def test_what_is_cancelled_is_gone_and_a_second_time_is_told(invoke: Invoke) -> None:
    first, second = invoke("cancel", "id-noon"), invoke("cancel", "id-noon")

    assert (first.exit_code, first.stdout) == (0, "1 cancelled\n")
    assert second.exit_code == 1
    assert "no event id-noon waits for its time" in second.stderr
    assert "id-noon" not in invoke("list").stdout
