"""Who imports a module is found however it is imported."""

from __future__ import annotations

from pathlib import Path

import pytest

from motia_actors.runners.module_graph import Module, importers


@pytest.mark.parametrize(
    ("text", "package"),
    [
        ("import src.prices", "steps"),
        ("import src.prices as p", "steps"),
        ("from src.prices import price", "steps"),
        ("from src import prices", "steps"),
        ("from src import *", "steps"),
        ("from . import prices", "src"),
        ("from .prices import price", "src"),
        ("from ..prices import price", "src.deep"),
        ("from ..src.prices import price", "steps"),
        ("def handler():\n    from src.prices import price", "steps"),
        ("import importlib\nimportlib.import_module(f'src.{name}')", "steps"),
        ("import src.deep.other", "steps"),
    ],
)
def test_an_importer_is_found(tmp_path: Path, text: str, package: str) -> None:
    files = {"steps.a": text, "src": "from src import prices", "src.prices": "price = 1",
             "src.deep": "", "src.deep.other": "", "steps.b": "import os"}  # fmt: skip
    modules = {}
    for name, source in files.items():
        file = tmp_path / f"{name}.py"
        file.write_text(source, "utf-8")
        modules[name] = Module(str(file), package if name == "steps.a" else "")

    found = importers(modules, ["src.prices"])

    assert "steps.a" in found
    assert "steps.b" not in found


def test_who_imports_by_way_of_others_is_found_too(tmp_path: Path) -> None:
    modules = {}
    for name, text in {"a": "import b", "b": "import c", "c": "import a", "d": ""}.items():
        (tmp_path / f"{name}.py").write_text(text, "utf-8")
        modules[name] = Module(str(tmp_path / f"{name}.py"), "")

    assert importers(modules, ["c"]) == {"a", "b", "c"}
