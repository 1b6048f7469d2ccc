"""`motia-actors dlq …`: what it prints, and what it leaves in the store."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from motia_actors.cli import cli
from motia_actors.clock import SystemClock
from motia_actors.messages import Event, Target
from motia_actors.store import Bury, EventPut, Lease
from motia_actors.stores.lmdb.store import LmdbStore
from tests.stores.driving import driven

Invoke = Callable[..., Result]
STEP = "steps/charge_step.py"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose step has two dead letters."""
    path = tmp_path / "shop"
    (path / "steps").mkdir(parents=True)
    with driven(store_of(path)) as store:
        for number in range(2):
            event = Event(id=f"e{number}", topic="order", data=b"%d" % number, trace_id="T")
            store.write(EventPut(event=event, targets=(Target(step=STEP),)))
        for delivery in store.write(Lease(step=STEP, count_max=2, visibility_s=60)):
            store.write(Bury(delivery=delivery, error="ValueError: no\nmore", stack="in charge"))
    return path


def store_of(project: Path) -> LmdbStore:
    return LmdbStore(project / ".motia" / "data", SystemClock())


@pytest.fixture
def invoke(project: Path, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    monkeypatch.delenv("MOTIA_STORE", raising=False)
    return lambda *words: CliRunner().invoke(cli, ["dlq", *words, "--project", str(project)])


def ids(invoke: Invoke) -> list[str]:
    lines = invoke("list", "--step", STEP).output.splitlines()
    return [line.split()[0] for line in lines]


def test_steps_are_listed_with_their_counts(invoke: Invoke) -> None:
    assert invoke("list").output == f"     2  {STEP}\n"


def test_scripts_get_json_a_line_each(invoke: Invoke) -> None:
    assert json.loads(invoke("list", "--json").output) == {"step": STEP, "dead": 2}
    letters = invoke("list", "--step", STEP, "--json").output.splitlines()
    assert [json.loads(letter)["id"] for letter in letters] == ids(invoke)


def test_letters_are_listed_a_line_each(invoke: Invoke) -> None:
    lines = invoke("list", "--step", "charge_step.py").output.splitlines()

    assert len(lines) == 2
    assert all(line.endswith("  order  ValueError: no") for line in lines)


def test_an_error_does_not_steer_the_terminal(invoke: Invoke, project: Path) -> None:
    with driven(store_of(project)) as store:
        event = Event(id="red", topic="a\x1b[2J", data=b"1", trace_id="T")
        store.write(EventPut(event=event, targets=(Target(step="red"),)))
        [delivery] = store.write(Lease(step="red", count_max=1, visibility_s=60))
        store.write(Bury(delivery=delivery, error="ValueError: \x1b[31mred"))

    line = invoke("list", "--step", "red").output

    assert line.endswith("  a\\x1b[2J  ValueError: \\x1b[31mred\n")


def test_a_letter_is_shown_whole(invoke: Invoke) -> None:
    first = ids(invoke)[0]

    letter = json.loads(invoke("show", first, "--step", STEP).output)

    assert (letter["id"], letter["data"], letter["stack"]) == (first, 0, "in charge")
    assert invoke("show", "none", "--step", STEP).exit_code == 1


def test_a_replayed_letter_is_in_the_queue_with_its_new_payload(
    invoke: Invoke, project: Path
) -> None:
    first = ids(invoke)[0]

    result = invoke("replay", "--step", STEP, "--id", first, "--data", '{"n": 7}')

    assert result.output == "1 replayed\n"
    with driven(store_of(project)) as store:
        [delivery] = store.write(Lease(step=STEP, count_max=9, visibility_s=1))
    assert delivery.event.data == b'{"n":7}'


def test_all_are_purged_only_when_all_are_meant(invoke: Invoke) -> None:
    refused = invoke("purge", "--step", STEP)
    kept = len(ids(invoke))
    purged = invoke("purge", "--step", STEP, "--all")

    assert refused.exit_code == 2
    assert "--all" in refused.stderr
    assert (kept, purged.output, invoke("list").output) == (2, "2 purged\n", "")
    assert invoke("purge", "--step", STEP, "--all").stderr.endswith("; none has dead letters\n")


@pytest.mark.parametrize("words", [["list", "--step", "nobody"], ["replay", "--step", STEP]])
def test_what_makes_no_sense_is_a_sentence(invoke: Invoke, words: list[str]) -> None:
    result = invoke(*words)

    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("command", ["replay", "purge"])
def test_an_unknown_letter_is_named_and_the_known_ones_are_dealt_with(
    invoke: Invoke, command: str
) -> None:
    known, _ = ids(invoke)

    result = invoke(command, "--step", STEP, "--id", known, "--id", "gone")

    assert result.exit_code == 1
    assert result.stdout.startswith("1 ")
    assert result.stderr == f"no dead letter gone of {STEP}\n"
    assert known not in ids(invoke)


def test_a_step_can_be_told_by_its_name(invoke: Invoke, project: Path) -> None:
    (project / STEP).write_text(
        "config = {'name': 'Charge It', 'type': 'event', 'subscribes': ['order'], 'emits': []}\n"
        "def handler(order, context): pass\n"
    )

    result = invoke("replay", "--step", "Charge It", "--all")

    assert (result.exit_code, result.stdout) == (0, "2 replayed\n"), result.output
    assert "is not known" in invoke("list", "--step", "Charge Them").stderr
