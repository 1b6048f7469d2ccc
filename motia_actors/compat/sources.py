"""The files of a project that its steps run: the steps, the streams, and what they import.

Found by reading, without running anything. Packages of others are left out, and so is what no step
imports, such as a front end in the same repository.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from motia_actors.compat.script import Script
from motia_actors.steps.discovery import Found, find_files

FILE_BYTES_MAX = 1 << 20
"""Longer files are bundles or data, not what somebody wrote."""
FILES_MAX = 20_000

PYTHON = ".py"
SCRIPTS = (".ts", ".js", ".mts", ".mjs", ".cts", ".cjs")
_ENDINGS = ("", *SCRIPTS, *(f"/index{ending}" for ending in SCRIPTS))
_SPECIFIER = re.compile(
    r"\bfrom\s*(['\"])(?P<of>[^'\"\n]+)\1|\bimport\s*\(?\s*(['\"])(?P<bare>[^'\"\n]+)\3"
    r"|\brequire\s*\(\s*(['\"])(?P<required>[^'\"\n]+)\5"
)


class PythonFile(NamedTuple):
    """A Python file that could be parsed; `what` is None for a file that others import."""

    name: str
    tree: ast.Module
    what: str | None


class ScriptFile(NamedTuple):
    """A file in TypeScript or JavaScript."""

    name: str
    script: Script
    what: str | None


class Sources(NamedTuple):
    """What a project runs, sorted by name; `found` has all step and stream files, Ruby's too."""

    found: list[Found]
    python: list[PythonFile]
    scripts: list[ScriptFile]


def read_sources(root: Path) -> Sources:
    """Read the steps and streams below root, and whatever of the project they import."""
    root = root.resolve()
    found = find_files(root)
    kinds = {file.path.resolve(): file.what for file in found}
    waiting, seen = list(kinds), set(kinds)
    sources = Sources(found, [], [])
    while waiting and len(seen) < FILES_MAX:
        path = waiting.pop()
        text = read_text(path)
        if text is None:
            continue
        name = path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
        needed: Iterator[Path] = iter(())
        if path.suffix == PYTHON:
            try:
                tree = ast.parse(text)
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                continue  # `motia-actors check` says what is wrong with it, and where.
            sources.python.append(PythonFile(name, tree, kinds.get(path)))
            needed = _python_imports(tree, path, root)
        elif path.suffix in SCRIPTS:
            script = Script(text)
            sources.scripts.append(ScriptFile(name, script, kinds.get(path)))
            needed = _script_imports(script, path, root)
        for file in needed:
            if file not in seen and "node_modules" not in file.parts:
                seen.add(file)
                waiting.append(file)
    sources.python.sort(key=lambda file: file.name)
    sources.scripts.sort(key=lambda file: file.name)
    return sources


def read_text(path: Path) -> str | None:
    """The text of a file; None where it is none, is too long, or cannot be read."""
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            return None
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def _python_imports(tree: ast.Module, path: Path, root: Path) -> Iterator[Path]:
    """The files of the project that the module names, as Python finds them from the root."""
    for node in ast.walk(tree):
        names: list[str] = []
        base = root
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = path.parents[node.level - 1] if 0 < node.level <= len(path.parents) else root
            module = f"{node.module}." if node.module else ""
            names = [node.module or "", *(f"{module}{alias.name}" for alias in node.names)]
        for name in filter(None, names):
            file = base.joinpath(*name.split("."))
            for candidate in (file.with_name(f"{file.name}.py"), file / "__init__.py"):
                if candidate.is_file():
                    yield candidate.resolve()


def _script_imports(script: Script, path: Path, root: Path) -> Iterator[Path]:
    """The files of the project that the module names: by relative path, or by the usual alias."""
    for match in _SPECIFIER.finditer(script.text):
        name = match["of"] or match["bare"] or match["required"]
        if name.startswith("."):
            places = [path.parent / name]
        elif name.startswith(("@/", "~/")):
            places = [root / name[2:], root / "src" / name[2:]]
        else:
            places = [root / name]
        for place in places:
            bare = place.with_suffix("") if place.suffix in SCRIPTS else place
            candidates = [Path(f"{one}{ending}") for one in (place, bare) for ending in _ENDINGS]
            file = next((one for one in candidates if one.is_file()), None)
            if file is not None:
                yield file.resolve()
