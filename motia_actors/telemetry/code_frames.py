"""Show the author's lines around a failure: at `dev`'s terminal, and nowhere else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

from motia_actors.telemetry.terminal import clean

AROUND = 2
"""Lines that are shown before the failing one, and after it."""
FRAMES_MAX = 10
SOURCE_BYTES_MAX = 1 << 20
WIDTH_MAX = 200
SUFFIXES = (".py", ".ts", ".tsx", ".mts", ".cts", ".js", ".jsx", ".mjs", ".cjs")
FOREIGN = frozenset({"node_modules", "python_modules", "site-packages", ".venv", "venv", ".motia"})
"""Folders of a project whose files its author did not write."""

_RED, _GREY, _PLAIN = "\x1b[31m", "\x1b[90m", "\x1b[0m"
_PYTHON = re.compile(r'^ *File "(.+?)", line (\d+)')
_NODE = re.compile(r"^ *at (?:.*\(|async )?(file://)?(/.+?)(?:\?[^:]*)?:(\d+):(\d+)\)?$")
_INNER = re.compile(r"\(in ([^()]+):(\d+)\)")
_CAUSE = "Caused by "


class Place(NamedTuple):
    """A line of a file, relative to the project; column counts from 1, 0: it is not known."""

    file: str
    line: int
    column: int = 0


class CodeFrames:
    """Makes code frames of a project's files. Any thread may ask.

    Args:
        root: The project's folder. No file outside of it, and none but sources, is ever shown.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    def explain(self, line: Mapping[str, Any]) -> str:
        """The code frame of a log line, with its line breaks; empty where it tells of no place.

        Args:
            line: As it is written: `error.stack` has a handler's failure; `file` and `line`, and
                `(in FILE:LINE)` in `msg`, that of a file that did not load.
        """
        error = line.get("error")
        if isinstance(error, Mapping):
            return self._frame(self._places(str(error.get("stack", ""))))
        file, number = line.get("file"), line.get("line")
        if not isinstance(file, str):
            return ""
        found = [self._place(inner, int(at)) for inner, at in _INNER.findall(str(line["msg"]))]
        if isinstance(number, int):
            found.append(self._place(file, number))
        return self._frame([place for place in found if place is not None])

    def _places(self, stack: str) -> list[Place]:
        """The author's places of a stack, the one that failed first."""
        python: list[Place] = []
        node: list[Place] = []
        for text in stack.splitlines():
            if text.startswith(_CAUSE) and node:
                break
            if found := _PYTHON.match(text):
                place = self._place(found[1], int(found[2]))
                python += [] if place is None else [place]
            elif found := _NODE.match(text):
                file = unquote(found[2]) if found[1] else found[2]
                place = self._place(file, int(found[3]), int(found[4]))
                node += [] if place is None else [place]
        return node or python[::-1]

    def _place(self, file: str, line: int, column: int = 0) -> Place | None:
        """The place, if its file is the author's own."""
        try:
            path = (self._root / file).resolve()
            below = path.relative_to(self._root)
        except (OSError, ValueError):
            return None
        if path.suffix not in SUFFIXES or FOREIGN & set(below.parts):
            return None
        return Place(below.as_posix(), line, column)

    def _frame(self, places: list[Place]) -> str:
        if not places:
            return ""
        first, *others = dict.fromkeys(places)
        rows = self._rows(first)
        if not rows:
            return ""
        rows += [f"  called from {file}:{line}" for file, line, _ in others[:FRAMES_MAX]]
        where = f"{first.file}:{first.line}" + (f":{first.column}" if first.column else "")
        return "\n".join([f"  {clean(where)}", *rows]) + "\n"

    def _rows(self, place: Place) -> list[str]:
        """The numbered lines around place, with a marker; none where the file has no such line."""
        try:
            with (self._root / place.file).open("rb") as file:
                text = file.read(SOURCE_BYTES_MAX).decode("utf-8", "replace")
        except (OSError, ValueError):  # It was edited away, or never was a file.
            return []
        lines = text.removesuffix("\n").split("\n")
        if not 0 < place.line <= len(lines):
            return []
        last = min(len(lines), place.line + AROUND)
        width = len(str(last))
        rows = []
        for number in range(max(1, place.line - AROUND), last + 1):
            text = clean(lines[number - 1].rstrip("\r").expandtabs(4)[:WIDTH_MAX])
            if number != place.line:
                rows.append(f"{_GREY}    {number:{width}} |{_PLAIN} {text}".rstrip())
                continue
            rows.append(f"{_RED}  > {number:{width}} |{_PLAIN} {text}".rstrip())
            if place.column:
                before = lines[number - 1][: place.column - 1].expandtabs(4)
                if len(before) < WIDTH_MAX:
                    rows.append(f"    {'':{width}} | {' ' * len(before)}{_RED}^{_PLAIN}")
        return rows
