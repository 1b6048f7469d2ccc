"""TypeScript and JavaScript as text: what is code in it, and what an object literal holds.

No parser: comments and texts are blanked out, offsets stay, and braces are counted.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import NamedTuple

_KEY = re.compile(r"\s*(?:async\s+)?(['\"]?)([\w$-]+)\1\s*(?=[:,}(])")
# After these a slash begins an expression; elsewhere it divides.
_BEFORE_REGEX = re.compile(r"(?:^|[(,=:\[!&|?{};\n+>]|\breturn|\bcase|\btypeof)\s*$")
_REGEX = re.compile(r"/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n\[])+/\w*")
_STRING = {quote: re.compile(rf"{quote}(?:\\.|[^\\{quote}\n])*{quote}?") for quote in "'\""}
_COMMENT = re.compile(r"//[^\n]*|/\*.*?(?:\*/|\Z)", re.DOTALL)


class Member(NamedTuple):
    """One key of an object literal: where it stands, and the text of its value."""

    at: int
    value: str
    value_at: int


class Script:
    """One file. `code` is its text with comments, and what is inside of quotes, blanked out."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.code = _blanked(text)
        self._lines = [match.start() for match in re.finditer("\n", text)]
        self._depths = _depths(self.code)

    def line_of(self, at: int) -> int:
        """The line of an offset, from 1."""
        return bisect_right(self._lines, at - 1) + 1

    def depth_at(self, at: int) -> int:
        """How many braces are open there: 0 is the level of the module."""
        index = bisect_right(self._depths, (at, 1 << 30)) - 1
        return self._depths[index][1] if index >= 0 else 0

    def members(self, brace_at: int) -> dict[str, Member]:
        """The keys of the object literal whose brace is there; what is spread in is not seen."""
        found: dict[str, Member] = {}
        for start, end in self._items(brace_at):
            key = _KEY.match(self.text, start)
            if key is None:
                continue
            value_at = key.end() + (self.code[key.end() : key.end() + 1] == ":")
            found[key[2]] = Member(key.start(2), self.text[value_at:end].strip(), value_at)
        return found

    def inner(self, member: Member) -> dict[str, Member]:
        """The keys of a member that is an object literal; none where it is something else."""
        at = (
            member.value_at
            + len(self.text[member.value_at :])
            - len(self.text[member.value_at :].lstrip())
        )
        return self.members(at) if self.text[at : at + 1] == "{" else {}

    def _items(self, brace_at: int) -> list[tuple[int, int]]:
        """Where each item between that brace and its fellow begins and ends; none without one."""
        found: list[tuple[int, int]] = []
        depth, start = 0, brace_at + 1
        for match in re.compile(r"[{}()\[\],]").finditer(self.code, brace_at):
            mark, at = match[0], match.start()
            if mark in "{([":
                depth += 1
            elif mark in "})]":
                depth -= 1
                if depth == 0:
                    return [*found, (start, at)]
            elif depth == 1:
                found.append((start, at))
                start = at + 1
        return []


def _depths(code: str) -> list[tuple[int, int]]:
    """Where the number of open braces changes, and to what."""
    found, depth = [(0, 0)], 0
    for match in re.finditer(r"[{}]", code):
        depth += 1 if match[0] == "{" else -1
        found.append((match.end() if match[0] == "{" else match.start(), depth))
    return found


def _blanked(text: str) -> str:
    """The text with everything that is no code as blanks, of the same length and lines."""
    parts: list[str] = []
    at, end = 0, len(text)
    # Templates nest: `${` opens code in a text, and the brace that closes it goes on with it.
    braces: list[int] = []
    while at < end:
        mark = text[at]
        if mark == "`" or (mark == "}" and braces and braces[-1] == 0):
            if mark == "}":
                braces.pop()
            stop = _template_end(text, at + 1)
            if text[stop - 2 : stop] == "${":
                braces.append(0)
            parts.append(_blank(text[at:stop]))
            at = stop
            continue
        stop = _end_of_no_code(text, at, parts)
        if stop > at:
            parts.append(_blank(text[at:stop], keep=mark if mark in _STRING else ""))
            at = stop
            continue
        if braces and mark in "{}":
            braces[-1] += 1 if mark == "{" else -1
        parts.append(mark)
        at += 1
    return "".join(parts)


def _end_of_no_code(text: str, at: int, before: list[str]) -> int:
    """Where the comment, text or expression ends that begins there; at, where none does."""
    mark = text[at]
    if mark in _STRING:
        match = _STRING[mark].match(text, at)
    elif mark == "/":
        match = _COMMENT.match(text, at)
        if match is None and _BEFORE_REGEX.search("".join(before[-20:])[-200:]):
            match = _REGEX.match(text, at)
    else:
        return at
    return match.end() if match else at


def _template_end(text: str, at: int) -> int:
    """The end of a template's text: after its closing backtick, or after the next `${`."""
    match = re.compile(r"(?:\\.|(?!\$\{)[^\\`])*(?:`|\$\{|\Z)", re.DOTALL).match(text, at)
    assert match is not None, "it matches the empty text at the end"
    return match.end()


def _blank(text: str, *, keep: str = "") -> str:
    blank = re.sub(r"[^\n]", " ", text)
    if keep and len(text) > 1 and text.endswith(keep):
        return f"{keep}{blank[1:-1]}{keep}"
    return blank
