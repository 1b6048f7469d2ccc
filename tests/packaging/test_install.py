"""The wheel and the source distribution install on a clean machine, and what they install runs.

Packages come from the index; only ours is built here, from a copy of the sources.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.docs.pages import FIVE_MINUTES
from tests.docs.walk import Walk
from tests.e2e.server import ROOT, Client

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

RUN_S_MAX = 500
NEWEST_FIRST = ("3.14", "3.13", "3.12", "3.11")
NOT_COPIED = shutil.ignore_patterns(
    ".git", ".venv*", "build", "dist", "node_modules", "results", "__pycache__", "*.egg-info",
    ".mypy_cache", ".ruff_cache", ".hypothesis", ".motia",
)  # fmt: skip


def run(
    *command: str | Path, cwd: Path, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, env={**os.environ, **(env or {})},
        capture_output=True, text=True, timeout=RUN_S_MAX, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done


def interpreters() -> list[str]:
    """The oldest and the newest Python that we run on and this machine has."""
    found = []
    for version in NEWEST_FIRST:
        name = f"python{version}"
        kept = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/{name}"))
        for path in (*map(str, kept), shutil.which(name) or ""):
            asked = [path, "-c", "import sys; print(sys.base_prefix)"]
            done = path and subprocess.run(asked, capture_output=True, text=True, check=False)
            if done and done.returncode == 0:  # A shim may stand for a Python that is not chosen.
                found.append(f"{done.stdout.strip()}/bin/{name}")
                break
    base = f"{sys.base_prefix}/bin/python3"
    return list(dict.fromkeys([found[-1], found[0]] if found else [base]))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both distributions."""
    folder = tmp_path_factory.mktemp("built")
    sources = shutil.copytree(ROOT, folder / "sources", ignore=NOT_COPIED)
    run(sys.executable, "-m", "build", "--outdir", folder / "dist", sources, cwd=folder)
    return folder / "dist"


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    run(sys.executable, "-m", "venv", tmp_path / "venv", cwd=tmp_path)
    return tmp_path / "venv"


def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as opened:
        return set(opened.namelist())


def ours(wheel: Path, folder: str) -> set[str]:
    return {name for name in names(wheel) if name.startswith(f"motia_actors/{folder}")}


def served(venv: Path, folder: Path) -> dict[str, tuple[int, bytes]]:
    """Make a project, serve it by `dev`, and answer what some of its addresses say."""
    with Walk(folder, env={"PATH": f"{venv / 'bin'}:/usr/bin:/bin"}) as walk:
        assert walk.run("motia-actors new demo")[0] == 0
        walk.go(folder / "demo")
        walk.serve("motia-actors dev", None, where="dev")
        client = Client(walk.port)
        try:
            answers = {path: client.get(path) for path in ("/tasks", "/__workbench")}
        finally:
            client.close()
    return {path: (answer.status, answer.body) for path, answer in answers.items()}


def test_the_wheel_has_types_templates_and_the_page(built: Path) -> None:
    (wheel,) = built.glob("*.whl")

    assert "motia_actors/py.typed" in names(wheel)
    assert {
        name for name in names(wheel) if name.startswith(("tests/", "bench/", "docs/"))
    } == set()
    for folder in ("scaffold/templates", "runners/javascript", "web/pages"):
        there = {
            path.relative_to(ROOT).as_posix()
            for path in (ROOT / "motia_actors" / folder).rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }
        assert ours(wheel, folder) - {f"motia_actors/{folder}/__init__.py"} >= there
    assert "motia_actors/workbench/static/index.html" in names(wheel)
    assert not ours(wheel, "workbench/ui"), "the sources of the page are for the build alone"


def test_the_source_distribution_has_all_that_the_build_needs(built: Path) -> None:
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        inside = {name.partition("/")[2] for name in opened.getnames()}

    assert {"build_backend/workbench_build.py", "LICENSE", "setup.cfg"} <= inside
    assert "motia_actors/workbench/ui/package-lock.json" in inside
    assert not {name for name in inside if name.startswith("tests/") or "node_modules" in name}


@pytest.mark.parametrize("python", interpreters(), ids=lambda path: Path(path).name)
def test_five_minutes_from_a_bare_machine(python: str, built: Path, tmp_path: Path) -> None:
    """The page is typed as it stands, with the wheel, and without a compiler for the others."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python3").symlink_to(python)
    path = f"{tmp_path / 'bin'}{os.pathsep}/usr/bin{os.pathsep}/bin"
    env = {
        "PATH": path,
        "PIP_FIND_LINKS": str(built),
        "PIP_ONLY_BINARY": ":all:",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }

    with Walk(tmp_path, is_installing=True, env=env) as walk:
        walk.page(FIVE_MINUTES)


def test_the_source_distribution_installs_and_serves(
    built: Path, venv: Path, tmp_path: Path
) -> None:
    (archive,) = built.glob("*.tar.gz")
    run(venv / "bin" / "pip", "install", "--quiet", archive, cwd=tmp_path)

    answers = served(venv, tmp_path)

    assert answers["/tasks"] == (200, b'{"tasks":[]}')
    assert answers["/__workbench"][0] == 200
    assert b"<script" in answers["/__workbench"][1]


def test_without_npm_it_serves_and_the_page_says_what_to_do(
    built: Path, venv: Path, tmp_path: Path
) -> None:
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        opened.extractall(tmp_path, filter="data")
    (sources,) = tmp_path.glob("motia_actors-*")
    shutil.rmtree(sources / "motia_actors" / "workbench" / "static")
    nowhere = {
        "npm_config_registry": "http://127.0.0.1:9",
        "npm_config_fetch_retries": "0",
        "npm_config_cache": str(tmp_path / "npm"),
    }
    run(venv / "bin" / "pip", "install", "--quiet", sources, cwd=tmp_path, env=nowhere)

    answers = served(venv, tmp_path)

    assert answers["/tasks"] == (200, b'{"tasks":[]}')
    assert b"make workbench" in answers["/__workbench"][1]


def test_mypy_finds_the_types_of_what_is_installed(built: Path, venv: Path, tmp_path: Path) -> None:
    (wheel,) = built.glob("*.whl")
    run(venv / "bin" / "pip", "install", "--quiet", wheel, cwd=tmp_path)
    user = tmp_path / "user.py"
    user.write_text("from motia_actors.testing import Harness\nreveal_type(Harness)\n", "utf-8")

    said = run(
        sys.executable, "-m", "mypy", "--strict", "--python-executable", venv / "bin" / "python",
        "--cache-dir", tmp_path / "cache", "--config-file", os.devnull, user, cwd=tmp_path,
    ).stdout  # fmt: skip

    assert "def (" in said
    assert "motia_actors.testing.harness.Harness" in said
