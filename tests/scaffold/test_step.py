"""New steps and streams: each loads, in every language."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from msgspec.structs import replace

from motia_actors.errors import UsageError
from motia_actors.parts import read_project
from motia_actors.scaffold.step import (
    KINDS,
    LANGUAGES,
    Language,
    StepPlan,
    write_step,
    write_stream,
)
from motia_actors.settings import Settings
from motia_actors.steps.catalog import Catalog


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)  # Reading a project changes it.
    return tmp_path / "steps"


def catalog_of(folder: Path) -> Catalog:
    return read_project(Settings(project=folder.parent))


def test_every_kind_loads_in_every_language(folder: Path) -> None:
    for kind, language in itertools.product(KINDS, LANGUAGES):
        write_step(folder, StepPlan(name=f"Do {kind} in {language}", kind=kind, language=language))

    catalog = catalog_of(folder)

    assert catalog.problems == ()
    assert len(catalog.steps) == len(KINDS) * len(LANGUAGES)


def test_streams_load_in_every_language(folder: Path) -> None:
    write_step(folder, StepPlan(name="one", kind="cron"))
    for language in LANGUAGES:
        write_stream(folder, f"chat{language.title()}", language=language)

    catalog = catalog_of(folder)

    assert catalog.problems == ()
    names = [stream.name for stream in catalog.streams]
    assert sorted(names) == ["chatJavascript", "chatPython", "chatTypescript"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_was_asked_for_stands_in_the_config(language: Language, folder: Path) -> None:
    plan = StepPlan(name="Take", kind="api", language=language, emits=("a.b",), flows=("f",))
    write_step(folder, replace(plan, path="/t/:id", method="PUT"))
    write_step(folder, replace(plan, name="Hear", kind="event", topic="a.b"))
    write_step(folder, replace(plan, name="Tick", kind="cron", cron="0 9 * * 1"))

    hear, take, tick = sorted(catalog_of(folder).steps, key=lambda step: step.name)

    assert (take.method, take.path, take.flows) == ("PUT", "/t/:id", ("f",))
    assert (hear.subscribes, hear.emits[0].topic) == (("a.b",), "a.b")
    assert tick.cron == "0 9 * * 1"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", ['It\'s "quoted"', "back\\slash", "größe 2", '"""'])
def test_names_may_hold_what_code_must_escape(name: str, language: Language, folder: Path) -> None:
    name += " Step"
    write_step(folder, StepPlan(name=name, kind="event", topic=name, language=language))

    [step] = catalog_of(folder).steps

    assert (step.name, step.subscribes) == (name, (name,))


def test_a_file_is_named_by_the_words_of_the_name(folder: Path) -> None:
    python = write_step(folder, StepPlan(name="CreateOrder", kind="api"))
    script = write_step(folder, StepPlan(name="ship order", kind="api", language="typescript"))

    assert (python.name, script.name) == ("create_order_step.py", "ship-order.step.ts")


def test_a_step_that_is_there_is_not_written_over(folder: Path) -> None:
    write_step(folder, StepPlan(name="CreateOrder", kind="api"))

    with pytest.raises(UsageError, match=r"create_order_step\.py is there already"):
        write_step(folder, StepPlan(name="create-order", kind="event"))


def test_a_name_without_letters_is_refused(folder: Path) -> None:
    with pytest.raises(UsageError, match="cannot name a file"):
        write_step(folder, StepPlan(name="../..", kind="api"))
