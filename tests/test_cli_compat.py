"""`motia-actors check --compat`: what it prints, and its exit status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from motia_actors import cli as commands
from tests.compat.samples import SAMPLES
from tests.e2e.server import write_project


def check(project: Path, *words: str) -> Result:
    return CliRunner().invoke(
        commands.cli, ["check", "--compat", "--project", str(project), *words]
    )


@pytest.mark.parametrize(
    ("rule", "words", "status"),
    [
        ("ruby", [], 1),
        ("body-schema", [], 0),
        ("body-schema", ["--strict"], 1),
        ("fifo", ["--strict"], 0),
        ("fifo", ["--json"], 0),
        ("ruby", ["--json"], 1),
    ],
)
def test_the_exit_status_says_whether_something_must_be_changed(
    tmp_path: Path, rule: str, words: list[str], status: int
) -> None:
    noop = {"steps/z_step.py": "config = {'type': 'noop', 'name': 'Z'}"}
    project = write_project(tmp_path, {**noop, **SAMPLES[rule].files})

    assert check(project, *words).exit_code == status


def test_a_rule_is_told_once_with_all_its_places(tmp_path: Path) -> None:
    noop = {"steps/z_step.py": "config = {'type': 'noop', 'name': 'Z'}"}
    project = write_project(tmp_path, {**noop, **SAMPLES["script"].files})

    lines = check(project).output.splitlines()

    assert lines == [
        "change: a script of package.json calls Motia's command line [script]",
        "    call motia-actors: docs/migration.md has a line for each command",
        "      package.json:3  dev: motia dev",
        "      package.json:4  postinstall: motia install",
        "",
        "2 to change, 0 otherwise than under Motia, 0 to know",
        "what differs for every project: docs/migration.md; what is wrong with this one: check",
    ]


def test_the_report_for_programs_is_json(tmp_path: Path) -> None:
    told = json.loads(check(write_project(tmp_path, SAMPLES["ruby"].files), "--json").output)

    assert told["counts"] == {"change": 1, "differs": 0, "note": 0}
    assert told["findings"][0]["file"] == "steps/a.step.rb"


def test_a_folder_without_steps_is_told(tmp_path: Path) -> None:
    result = check(tmp_path)

    assert result.exit_code == 1
    assert f"nothing to read: {tmp_path} has no steps" in result.output


def test_json_is_for_the_report_alone(tmp_path: Path) -> None:
    result = CliRunner().invoke(commands.cli, ["check", "--json", "--project", str(tmp_path)])

    assert result.exit_code == 2
    assert "--json is for --compat" in result.output
