"""The configs of steps and streams as they stand in the files, whatever the language.

Only what is written out can be read: a config that a call makes has the keys that are seen in it.
"""

from __future__ import annotations

import ast
import re
from typing import Any, NamedTuple

from motia_actors.compat.script import Member, Script
from motia_actors.compat.sources import Sources

_CONFIG = re.compile(
    r"\b(?:const|let|var)\s+config\b[^={]*=\s*(?:[\w.]+\(\s*)?(?P<made>\{)"
    r"|\bexports\.config\s*=\s*(?P<set>\{)|\bconfig\s*:\s*(?P<inner>\{)"
)
_TEXT = re.compile(r"(['\"`])((?:\\.|(?!\1)[^\\\n])*)\1(?:\s*as\s+const)?")
DEPTH_MAX = 4
"""No key that a rule looks at lies deeper."""
UNKNOWN: Any = object()
"""The value of what is not written out as a text, a number or an object."""


class Entry(NamedTuple):
    """A key of a config: its line, and its value where that is a text or an object."""

    line: int
    value: Any

    @property
    def inner(self) -> dict[str, Entry]:
        """The keys of an object; none where it is something else."""
        return self.value if isinstance(self.value, dict) else {}

    @property
    def text(self) -> str | None:
        """The text; None where it is none, or is made by code."""
        return self.value if isinstance(self.value, str) else None

    @property
    def is_empty(self) -> bool:
        """None, null or undefined is written there."""
        return self.value is None


class Config(NamedTuple):
    """The config of one file; `what` is step or stream."""

    file: str
    what: str
    is_python: bool
    keys: dict[str, Entry]
    is_whole: bool
    """All of its keys are seen: nothing is spread into it, and no call makes it."""


def read_configs(sources: Sources) -> list[Config]:
    """The configs that can be read, by file."""
    found = []
    for file in sources.python:
        node = _python_config(file.tree)
        if file.what and node is not None:
            is_whole = isinstance(node, ast.Dict) and None not in node.keys
            found.append(Config(file.name, file.what, True, _python_keys(node), is_whole))
    for script_file in sources.scripts:
        script = script_file.script
        match = _CONFIG.search(script.code)
        if script_file.what and match is not None:
            at = max(match.start(name) for name in ("made", "set", "inner"))
            keys = {key: _entry(script, one) for key, one in script.members(at).items()}
            is_whole = "..." not in script.code[at : at + 4000] and "(" not in match[0]
            found.append(Config(script_file.name, script_file.what, False, keys, is_whole))
    return found


def _python_config(tree: ast.Module) -> ast.expr | None:
    value: ast.expr | None = None
    for node in tree.body:
        if isinstance(node, ast.Assign):
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names = [node.target.id]
        else:
            continue
        if "config" in names:
            value = node.value
    return value


def _python_keys(node: ast.AST) -> dict[str, Entry]:
    if not isinstance(node, ast.Dict):
        return {}
    return {
        str(key.value): Entry(key.lineno, _python_value(value))
        for key, value in zip(node.keys, node.values, strict=True)
        if isinstance(key, ast.Constant)
    }


def _python_value(node: ast.expr) -> Any:
    if isinstance(node, ast.Dict):
        return _python_keys(node)
    return node.value if isinstance(node, ast.Constant) else UNKNOWN


def _entry(script: Script, member: Member, *, depth: int = 0) -> Entry:
    value: Any = UNKNOWN
    text = _TEXT.fullmatch(member.value)
    inner = script.inner(member) if depth < DEPTH_MAX else {}
    if text is not None and not (text[1] == "`" and "${" in text[2]):
        value = text[2]
    elif inner or member.value.startswith("{"):
        value = {key: _entry(script, one, depth=depth + 1) for key, one in inner.items()}
    elif member.value in ("null", "undefined"):
        value = None
    return Entry(script.line_of(member.at), value)
