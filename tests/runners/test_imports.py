"""How real projects import their own files."""

from __future__ import annotations

import gc
import sys
from pathlib import Path

import pytest

from motia_actors.errors import StepLoadError
from motia_actors.runners.imports import ProjectImports
from tests.runners.rig import Project, Rig

HANDLER = "\ndef handler(req, context):\n    return WHERE\n"


@pytest.mark.parametrize(
    ("line", "helper"),
    [
        ("from src.services.where import WHERE", "src/services/where.py"),
        ("from utils.where import WHERE", "utils/where.py"),
        ("from where_root import WHERE", "where_root.py"),
        ("from steps.where import WHERE", "steps/where.py"),
        ("from .where import WHERE", "steps/hooks/where.py"),
        ("from . import where; WHERE = where.WHERE", "steps/hooks/where.py"),
        ("from ..lib import WHERE", "steps/lib.py"),
        ("from ...lib_of_root import WHERE", "lib_of_root.py"),
        ("from ... import lib_of_root; WHERE = lib_of_root.WHERE", "lib_of_root.py"),
    ],
)
def test_a_step_imports_what_it_does_in_motia(
    project: Project, rig: Rig, line: str, helper: str
) -> None:
    project.write(helper, f"WHERE = {helper!r}")

    loaded = project.step(line + HANDLER, "steps/hooks/where_step.py")

    assert rig.value(loaded.handler) == helper


@pytest.mark.parametrize(
    "path",
    [
        "steps/01_clean_api_step.py",
        "steps/doc-agent/00_doc_agent_api_step.py",
        "steps/deletion_reaper.cron_step.py",
        "steps/00-stream-rbac-message_stream.py",
        "steps/v1.0/hello.step.py",
        "src/class/import_step.py",
    ],
)
def test_any_file_name_loads_and_may_import_its_neighbour(
    project: Project, rig: Rig, path: str
) -> None:
    project.write(str(Path(path).parent / "near.py"), "WHERE = 'near'")

    loaded = project.step("from .near import WHERE" + HANDLER, path)

    assert rig.value(loaded.handler) == "near"


def test_relative_and_absolute_imports_share_one_module(project: Project, rig: Rig) -> None:
    project.write("steps/shared.py", "ITEMS = []")
    project.step("from .shared import ITEMS\nITEMS.append(1)", "steps/a_step.py")

    loaded = project.step(
        "from steps.shared import ITEMS\ndef handler(req): return ITEMS", "steps/b_step.py"
    )

    assert rig.value(loaded.handler) == [1]


def test_a_file_of_the_project_does_not_replace_the_standard_library(project: Project) -> None:
    project.write("colorsys.py", "raise RuntimeError('the wrong one')")
    sys.modules.pop("colorsys", None)

    loaded = project.step("import colorsys\nconfig = {'name': colorsys.rgb_to_hsv.__name__}")

    assert loaded.config == {"name": "rgb_to_hsv"}


def test_two_projects_with_the_same_folders_do_not_mix(tmp_path: Path, rig: Rig) -> None:
    answers = []
    projects = [Project(tmp_path / name) for name in ("one", "two")]
    for project in projects:
        project.write("steps/near.py", f"WHERE = {project.root.name!r}")
        loaded = project.step("from .near import WHERE" + HANDLER)
        answers.append(rig.value(loaded.handler))
        project.runner.close()

    assert answers == ["one", "two"]


def test_a_dataclass_and_a_pydantic_like_lookup_of_the_module_work(project: Project) -> None:
    loaded = project.step(
        """
        from __future__ import annotations
        import sys
        from dataclasses import dataclass, fields
        from typing import ClassVar
        @dataclass
        class Pet:
            name: str
            kinds: ClassVar[list[str]] = []
        names = [one.name for one in fields(Pet)]
        config = {"fields": names, "known": Pet.__module__ in sys.modules}
        """
    )

    assert loaded.config == {"fields": ["name"], "known": True}


@pytest.mark.parametrize(
    ("text", "reason", "line"),
    [
        ("x = 1\nimport sys\nsys.exit(3)", "SystemExit: 3", 3),
        ("raise KeyboardInterrupt", "KeyboardInterrupt", 1),
        ("x = 1\ndef broken(:\n", "SyntaxError", 2),
        ("import pandas_of_nowhere.core", "package 'pandas_of_nowhere' is not installed", 1),
        ("\nfrom steps.nothing import x", "the project has no module 'steps.nothing'", 2),
        ("handler = 5", "handler is a int", None),
        ("config = 5\ndef handler(req): ...", "config is a int", None),
        ("config = {'type': 'api', 'middleware': [5]}\ndef handler(r): ...", "holds a int", None),
        ("\x00", "null bytes", None),
    ],
)
def test_a_file_that_cannot_be_loaded_says_where_and_why(
    project: Project, text: str, reason: str, line: int | None
) -> None:
    with pytest.raises(StepLoadError, match=reason) as caught:
        project.step(text)

    assert caught.value.path == "steps/a_step.py"
    assert line is None or caught.value.line == line


def test_a_linked_folder_belongs_to_the_project(project: Project, rig: Rig) -> None:
    project.write("elsewhere/shared/near.py", "WHERE = 'near'")
    file = project.write("elsewhere/shared/x_step.py", "from .near import WHERE" + HANDLER)
    root = project.root / "app"
    root.mkdir()
    (root / "steps").symlink_to(file.parent)
    linked = Project(root)

    loaded = linked.runner.load(root / "steps/x_step.py")

    assert rig.value(loaded.handler) == "near"
    with pytest.raises(StepLoadError, match="outside the project"):
        linked.runner.load(file)
    linked.runner.close()


def test_an_error_in_a_helper_names_the_helper(project: Project) -> None:
    project.write("utils/db.py", "\n\nraise ValueError('no DATABASE_URL')")

    with pytest.raises(StepLoadError, match=r"no DATABASE_URL \(in utils/db.py:3\)") as caught:
        project.step("\nimport utils.db")

    assert caught.value.line == 2


def test_a_stream_replaced_at_import_is_put_back(
    project: Project, capfd: pytest.CaptureFixture[str]
) -> None:
    before = sys.stdout
    project.step(
        "import io, sys\nsys.stdout = io.TextIOWrapper(sys.stdout.buffer, encoding='utf-8')"
    )
    gc.collect()

    assert sys.stdout is before
    sys.stdout.write("still open")
    sys.stdout.flush()


def test_a_replaced_stream_outlives_the_imports(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    step = tmp_path / "steps" / "loud_step.py"
    step.parent.mkdir()
    step.write_text("import io, sys\nsys.stdout = io.TextIOWrapper(sys.stdout.buffer)", "utf-8")
    imports = ProjectImports(tmp_path)
    imports.load(step)
    imports.leave()
    del imports
    gc.collect()

    sys.stdout.write("still open")
    sys.stdout.flush()

    assert "still open" in capfd.readouterr().out


def test_a_helper_without_config_and_handler_is_nothing(project: Project) -> None:
    loaded = project.step("def notify(): ...")

    assert loaded.config is None
    assert loaded.handler is None


def test_a_reload_sees_changes_and_leaves_the_old_version_working(
    project: Project, rig: Rig
) -> None:
    project.write("utils/where.py", "WHERE = 'old'")
    text = "from utils.where import WHERE" + HANDLER
    old = project.step(text)
    edited = project.write("utils/where.py", "WHERE = 'new'")

    with project.runner.fresh_modules(frozenset({edited})):
        new = project.step(text)

    assert rig.value(new.handler) == "new"
    assert rig.value(old.handler) == "old"


def test_a_failed_reload_brings_back_the_modules_from_before(project: Project) -> None:
    project.write("utils/where.py", "WHERE = 'old'")
    project.step("from utils.where import WHERE")
    before = sys.modules["utils.where"]
    edited = project.write("utils/where.py", "raise RuntimeError")

    with pytest.raises(StepLoadError), project.runner.fresh_modules(frozenset({edited})):
        project.step("from utils.where import WHERE")

    assert sys.modules["utils.where"] is before


def test_forgetting_spares_virtual_environments(project: Project) -> None:
    project.write(".venv/pyvenv.cfg", "")
    project.write(".venv/lib/kept_one.py", "")
    project.write("dropped_one.py", "")
    project.step("import sys\nsys.path.append('.venv/lib')\nimport dropped_one")
    sys.path.remove(".venv/lib")
    kept = type(sys)("kept_one")
    kept.__file__ = str(project.root / ".venv/lib/kept_one.py")
    sys.modules["kept_one"] = kept

    project.runner.close()

    assert "dropped_one" not in sys.modules
    assert sys.modules.pop("kept_one") is kept
