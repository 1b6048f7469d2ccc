"""`infrastructure.toml` stands over what the steps say of themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from motia_actors.steps.catalog import Catalog
from motia_actors.steps.config import MailboxPolicy, Problem
from motia_actors.steps.discovery import discover
from tests.steps.reports import API
from tests.steps.test_discovery import Exports, Project

STEP = "steps/ask_step.py"
OWN = {"concurrency": 4, "mailbox": {"size": 8, "overflow": "block"}}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.add(STEP, Exports({**API, "infrastructure": OWN}))
    return project


def read(project: Project, text: str) -> Catalog:
    (project.root / "infrastructure.toml").write_text(text, "utf-8")
    return discover(project.root, project.load)


def only_problem(catalog: Catalog) -> Problem:
    (problem,) = catalog.problems
    assert problem.file == "infrastructure.toml"
    return problem


def test_what_it_says_stands_over_the_step_key_by_key(project: Project) -> None:
    catalog = read(project, f'["{STEP}"]\nconcurrency = 16\nmailbox.size = 64\n')

    (step,) = catalog.steps
    assert step.infrastructure.concurrency == 16
    assert step.infrastructure.mailbox == MailboxPolicy(size_max=64, overflow="block")
    assert not catalog.problems


def test_without_it_steps_are_as_their_files_say(project: Project) -> None:
    (step,) = discover(project.root, project.load).steps

    assert step.infrastructure.concurrency == 4


def test_a_file_elsewhere_stands_in_for_it(project: Project, tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text(f'["{STEP}"]\nconcurrency = 2\n', "utf-8")

    (step,) = discover(project.root, project.load, overrides=other).steps

    assert step.infrastructure.concurrency == 2


@pytest.mark.parametrize(
    ("text", "field", "reason"),
    [
        ("[broken", "", "cannot be read"),
        (f'["{STEP}"]\nconcurrency = 0\n', f"{STEP}: concurrency", "is 0"),
        (f'"{STEP}" = 3\n', STEP, "not a table"),
    ],
)
def test_what_is_malformed_is_an_error_of_this_file_and_the_step_runs_as_its_own_says(
    project: Project, text: str, field: str, reason: str
) -> None:
    catalog = read(project, text)

    problem = only_problem(catalog)
    assert (problem.severity, problem.field) == ("error", field)
    assert reason in problem.reason
    assert catalog.steps[0].infrastructure.concurrency == 4


def test_a_table_of_no_step_is_a_warning_with_a_guess(project: Project) -> None:
    problem = only_problem(read(project, '["steps/asks_step.py"]\nconcurrency = 2\n'))

    assert problem.severity == "warning"
    assert problem.way_out == f'write ["{STEP}"]'


def test_an_unknown_key_is_a_warning(project: Project) -> None:
    catalog = read(project, f'["{STEP}"]\nconcurency = 2\n')

    assert only_problem(catalog).way_out == "write concurrency"
