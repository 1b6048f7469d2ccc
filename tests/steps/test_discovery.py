"""Find the files of a project and read them, whatever is wrong with some."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from motia_actors.errors import StepLoadError
from motia_actors.steps.discovery import discover, find_files
from tests.steps.reports import API, EVENT


class Exports(msgspec.Struct):
    config: Mapping[str, Any] | None
    handler: object | None = "handler"


class Project:
    """Files that export what a test says."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.exports: dict[Path, Exports | StepLoadError] = {}

    def add(self, file: str, exports: Exports | StepLoadError | None = None) -> None:
        path = self.root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        self.exports[path] = exports or Exports(API | {"path": f"/{file}", "name": file})

    def load(self, path: Path) -> Exports:
        found = self.exports[path]
        if isinstance(found, StepLoadError):
            raise found
        return found


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def ids(root: Path) -> list[str]:
    return [file.id for file in find_files(root)]


@pytest.mark.parametrize(
    ("name", "what", "language"),
    [
        ("my_step.py", "step", "py"),
        ("my.step.py", "step", "py"),
        ("my-step.step.ts", "step", "ts"),
        ("my_step.ts", "step", "ts"),
        ("my.step.js", "step", "js"),
        ("my_step.js", "step", "js"),
        ("01_clean_api_step.py", "step", "py"),
        ("set_next_feeding_reminder.job_step.py", "step", "py"),
        ("00-stream-rbac-message_stream.py", "stream", "py"),
        ("chat.stream.ts", "stream", "ts"),
        ("old_step.rb", "step", "rb"),
    ],
)
def test_a_file_is_known_by_its_name(project: Project, name: str, what: str, language: str) -> None:
    project.add(f"steps/deep/er/{name}")

    [file] = find_files(project.root)

    assert (file.id, file.what, file.language) == (f"steps/deep/er/{name}", what, language)


@pytest.mark.parametrize(
    "file",
    [
        "lib/a_step.py",
        "a_step.py",
        "steps/a.py",
        "steps/step.py",
        "steps/a_step.tsx",
        "steps/a_step.pyc",
        "steps/a_steps.py",
        "steps/.a_step.py",
        "steps/.hidden/a_step.py",
        "steps/node_modules/a_step.js",
        "src/__pycache__/a_step.py",
        "src/.venv/a_step.py",
        "src/python_modules/x/a_step.py",
        "steps/a_step.py-features.json",
    ],
)
def test_other_files_are_left_alone(project: Project, file: str) -> None:
    project.add(file)

    assert ids(project.root) == []


def test_files_come_in_one_order_from_both_folders(project: Project) -> None:
    for file in ("steps/b_step.py", "src/z.step.ts", "steps/a/c_step.py", "src/a_step.js"):
        project.add(file)

    assert ids(project.root) == [
        "src/a_step.js",
        "src/z.step.ts",
        "steps/a/c_step.py",
        "steps/b_step.py",
    ]


def test_links_that_lead_round_or_nowhere_do_no_harm(project: Project) -> None:
    project.add("steps/a_step.py")
    (project.root / "steps/round").symlink_to(project.root / "steps")
    (project.root / "steps/self_step.py").symlink_to(project.root / "steps/self_step.py")
    (project.root / "steps/gone_step.py").symlink_to(project.root / "nowhere.py")
    (project.root / "elsewhere").mkdir()
    (project.root / "elsewhere/b_step.py").touch()
    (project.root / "steps/linked").symlink_to(project.root / "elsewhere")

    assert ids(project.root) == ["steps/a_step.py", "steps/linked/b_step.py"]


def test_a_project_without_steps_is_empty(project: Project) -> None:
    catalog = discover(project.root, project.load)

    assert (catalog.steps, catalog.streams, catalog.problems) == ((), (), ())


def test_what_is_broken_is_reported_and_the_rest_goes_on(project: Project) -> None:
    project.add("steps/a_step.py", StepLoadError("a_step.py", "No module named 'x'", line=3))
    project.add("steps/b_step.py", Exports(None))
    project.add("steps/c_step.py", Exports(API | {"path": None}))
    project.add("steps/d_step.py", Exports(["config"]))  # type: ignore[arg-type] # on purpose
    project.add("steps/e_step.rb")
    project.add("steps/f_step.py")

    catalog = discover(project.root, project.load)

    assert [step.id for step in catalog.steps] == ["steps/f_step.py"]
    assert [(each.severity, each.file, each.field, each.line) for each in catalog.problems] == [
        ("error", "steps/a_step.py", "", 3),
        ("warning", "steps/b_step.py", "config", None),
        ("error", "steps/c_step.py", "path", None),
        ("error", "steps/d_step.py", "config", None),
        ("warning", "steps/e_step.rb", "", None),
    ]
    assert len(catalog.errors) == 3


def test_handlers_and_guards_are_kept_under_the_id_of_their_file(project: Project) -> None:
    def may_read(*_: object) -> bool:
        return True

    project.add("steps/a_step.py", Exports(EVENT, "run"))
    project.add("steps/b_stream.py", Exports({"name": "b", "canAccess": may_read}, None))
    project.add("steps/c_stream.py", Exports({"name": "c"}, None))

    catalog = discover(project.root, project.load)

    assert dict(catalog.handlers) == {"steps/a_step.py": "run", "steps/b_stream.py": may_read}
    assert [stream.has_can_access for stream in catalog.streams] == [True, False]


def test_of_two_streams_of_one_name_the_first_is_used(project: Project) -> None:
    project.add("steps/pet.stream.js", Exports({"name": "pet"}, None))
    project.add("steps/pet.stream.ts", Exports({"name": "pet"}, None))

    catalog = discover(project.root, project.load)

    assert [stream.id for stream in catalog.streams] == ["steps/pet.stream.js"]
    assert [(each.severity, each.file) for each in catalog.problems] == [
        ("warning", "steps/pet.stream.ts")
    ]


def test_reading_twice_gives_the_same_catalog(project: Project) -> None:
    for name in ("c", "a", "b"):
        project.add(f"steps/{name}_step.py", Exports(EVENT | {"subscribes": {"x", "y", name}}))

    assert discover(project.root, project.load) == discover(project.root, project.load)
