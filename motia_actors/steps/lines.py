"""Find the line of a config's field, so that whoever must mend it need not look for it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import msgspec

from motia_actors.steps.config import Problem

SOURCE_BYTES_MAX = 1 << 20

_CONFIG = re.compile(r"^[^\n/]*\bconfig\b[^=\n]*=", re.MULTILINE)
_TRIGGER = re.compile(
    r"""[\s{,]['"]?type['"]?\s*:(?!\s*['"](?:object|array|string|number|integer|boolean|null)\b)"""
)
_END = re.compile(r"^(?:\}|export\b)", re.MULTILINE)


def located(problem: Problem, root: Path) -> Problem:
    """The problem with the line of its field, or of `config` where the field is not there.

    The file below root is read, not run. A problem of a file as a whole, and one whose line is
    known or cannot be found, stays as it is.
    """
    if problem.line is not None or not problem.field or problem.field == "handler":
        return problem
    try:
        with (root / problem.file).open("rb") as file:
            text = file.read(SOURCE_BYTES_MAX).decode("utf-8", "replace")
    except (OSError, ValueError):  # It went away, or its name is none.
        return problem
    keys = [re.sub(r"\[.*", "", part) for part in problem.field.split(".")]
    if keys[0] == "config":
        keys = keys[1:]
    line = None
    if problem.file.endswith(".py"):
        line = _line_in_python(text, keys)
    elif problem.file.endswith((".ts", ".js")):
        line = _line_in_javascript(text, keys)
    return problem if line is None else msgspec.structs.replace(problem, line=line)


def _line_in_python(text: str, keys: list[str]) -> int | None:
    """The line of the innermost of these nested keys that the dict `config` has."""
    try:
        module = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    for node in reversed(module.body):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == "config" for target in targets):
            return _line_of_key(node, keys)
    return None


def _line_of_key(node: ast.stmt, keys: list[str]) -> int:
    value, line = getattr(node, "value", None), node.lineno
    for key in keys:
        if isinstance(value, ast.List | ast.Tuple) and key.isdecimal():
            if int(key) >= len(value.elts):
                break
            value = value.elts[int(key)]
            line = value.lineno
            continue
        if not isinstance(value, ast.Dict):
            break
        for name, item in zip(value.keys, value.values, strict=True):
            if isinstance(name, ast.Constant) and str(name.value) == key:
                value, line = item, name.lineno
                break
        else:
            break
    return line


def _line_in_javascript(text: str, keys: list[str]) -> int | None:
    """The same by the look of it: `key:` between `config =` and the end of that object."""
    config = _CONFIG.search(text)
    if config is None:
        return None
    end = _END.search(text, config.end())
    at, last = config.end(), len(text) if end is None else end.start()
    for key in keys:
        if key.isdecimal():
            # Each trigger says its type once; those of a schema are others.
            types = list(_TRIGGER.finditer(text, at, last))
            if int(key) >= len(types):
                break
            at = text.rfind("{", at, types[int(key)].start() + 1)
            continue
        found = re.compile(rf"[\s{{,]['\"]?{re.escape(key)}['\"]?\s*:").search(text, at, last)
        if found is None:
            break
        at = found.start() + 1
    return text.count("\n", 0, at) + 1
