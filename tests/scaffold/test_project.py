"""New projects: what is written runs, and its own tests pass."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from motia_actors.errors import UsageError
from motia_actors.parts import read_project
from motia_actors.scaffold.project import TEMPLATES, write_project
from motia_actors.settings import Settings

every_template = pytest.mark.parametrize("template", TEMPLATES)


@every_template
def test_a_new_project_has_no_problem(
    template: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # And back at the end.
    write_project(tmp_path / "new", template, name="Shop")

    catalog = read_project(Settings(project=tmp_path / "new"))

    assert catalog.steps
    assert catalog.problems == ()


@pytest.mark.slow
@every_template
def test_the_tests_of_a_new_project_pass(template: str, tmp_path: Path) -> None:
    write_project(tmp_path / "new", template, name="shop")
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path / "new",
        env=environ,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


@every_template
def test_nothing_is_left_to_fill_in(template: str, tmp_path: Path) -> None:
    files = write_project(tmp_path, template, name="Shop")

    placeholders = ("$name", "$title", "$extras", "$install_more")
    texts = {path.name: path.read_text("utf-8") for path in files}
    assert [name for name, text in texts.items() if any(one in text for one in placeholders)] == []
    assert texts["README.md"].startswith("# Shop\n")
    needed = "motia-actors[node]\n" if TEMPLATES[template].needs_node else "motia-actors\n"
    assert texts["requirements.txt"] == needed
    assert ("nodejs" in texts["Dockerfile"]) == TEMPLATES[template].needs_node


def test_npm_gets_a_name_it_takes(tmp_path: Path) -> None:
    write_project(tmp_path, "typescript", name="My.Shop")

    assert json.loads((tmp_path / "package.json").read_text())["name"] == "my.shop"


def test_a_file_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")

    with pytest.raises(UsageError, match=r"README\.md is there already"):
        write_project(tmp_path, "python", name="shop")

    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]


@pytest.mark.parametrize("name", ["", "../shop", "a b", "-shop", "x" * 300])
def test_a_name_that_names_no_project_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot name a project"):
        write_project(tmp_path / "new", "python", name=name)


def test_an_unknown_template_is_told_which_there_are(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="python, typescript, mixed, ai-agent"):
        write_project(tmp_path, "ruby", name="shop")
