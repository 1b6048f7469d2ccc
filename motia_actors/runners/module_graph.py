"""Which of a project's Python modules import which, so that an edit reloads no more than it must.

Read from their source. Imports inside functions count too. A module that imports by a name it
makes up at run time is taken to import everything.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import msgspec

_MAKES_UP_NAMES = ("import_module", "__import__")


class Module(msgspec.Struct, frozen=True):
    """A loaded module: its file (empty: it has none) and the package its relative imports mean."""

    file: str
    package: str


def importers(modules: Mapping[str, Module], changed: Collection[str]) -> set[str]:
    """The changed modules and all that import them, directly or by way of others."""
    imported_by: dict[str, set[str]] = {}
    for name, module in modules.items():
        for other in _imports_of(module, modules):
            imported_by.setdefault(other, set()).add(name)
    found, left = set(changed), list(changed)
    while left:
        fresh = imported_by.get(left.pop(), set()) - found
        found |= fresh
        left += fresh
    return found


def _imports_of(module: Module, known: Collection[str]) -> set[str]:
    try:
        source = Path(module.file).read_bytes() if module.file.endswith(".py") else b""
        tree = ast.parse(source)
    except (OSError, SyntaxError, ValueError):
        return set()  # Gone or broken: then it is itself among the changed ones.
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _base(module.package, node)
            found.add(base)
            found.update(f"{base}.{alias.name}".lstrip(".") for alias in node.names)
        elif isinstance(node, ast.Name | ast.Attribute) and _word(node) in _MAKES_UP_NAMES:
            return set(known)
    return {one for name in found for one in _with_parents(name) if one in known}


def _base(package: str, node: ast.ImportFrom) -> str:
    """The absolute name of what a `from` import is from; the root itself has none."""
    if not node.level:
        return node.module or ""
    parts = package.split(".") if package else []
    return ".".join([*parts[: max(0, len(parts) - node.level + 1)], *filter(None, [node.module])])


def _with_parents(name: str) -> Iterator[str]:
    parts = name.split(".")
    return (".".join(parts[:count]) for count in range(1, len(parts) + 1))


def _word(node: ast.Name | ast.Attribute) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr
