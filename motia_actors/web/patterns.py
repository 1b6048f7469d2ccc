r"""Read an Express route such as `/users/:id(\d+)/files/*` into a regular expression.

Pure. The expression is matched against a percent-encoded path (see `paths.py`), is free of
names, and leaves an optional trailing slash to the end. Letters match in either case.

Source: path-to-regexp 0.1, the dialect of Express 4.
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import quote

import msgspec

PATH_CHARS_SAFE = "/!$&'()*+,;=:@-._~"
# Three wildcards or more can share a path out among them in as many ways as its length to the
# third power, so such a route only matches paths up to here: a few milliseconds at worst.
WILD_COUNT_MAX = 2
WILD_PATH_CHARS_MAX = 256
_NAME = re.compile(r"\w+", re.ASCII)
_NESTED_GROUP = re.compile(r"\\.|\[[^\]]*\]|\((?!\?)")


class Pattern(msgspec.Struct, frozen=True, kw_only=True):
    """A route's path, ready to be matched.

    `keys` names the expression's groups in order. `literal` is the whole path in lower case
    where it is static, else None. `segments` are its leading literal segments, lower case.
    """

    source: str
    keys: tuple[str, ...]
    literal: str | None
    segments: tuple[str, ...]


@lru_cache(maxsize=4096)  # Hot reload reads all routes again for each one that changed.
def compile_pattern(path: str) -> Pattern:
    """Read path.

    Raises:
        ValueError: a group is not closed, or the expression in one is malformed.
    """
    reader = _Reader(path if path[:1] in ("/", "*", "(") else "/" + path)
    reader.read()
    try:
        expression = re.compile(reader.source, re.ASCII)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"route {path!r}: {error}") from error
    # A group that was not written as one, such as (?P<x>…), would shift all that follow.
    if expression.groups != len(reader.keys):
        raise ValueError(f"route {path!r}: only plain groups `(…)` can be used")
    return Pattern(
        source=reader.source,
        keys=tuple(reader.keys),
        literal=reader.literal.lower() if reader.is_static else None,
        segments=() if reader.has_choice else _leading(reader),
    )


def _leading(reader: _Reader) -> tuple[str, ...]:
    literal = reader.literal
    if reader.is_static:
        return tuple(literal.lower().split("/")[1:])
    return tuple(literal.lower()[: literal.rfind("/") + 1].split("/")[1:-1])


class _Reader:
    """One pass over a path: collects the expression, the keys and the literal beginning."""

    def __init__(self, path: str) -> None:
        # As in Express a slash at the end of the route is optional in the request.
        self._path = path[:-1] if path.endswith("/") and not path.endswith("\\/") else path
        self._at = 0
        self._depth = 0
        self._unnamed = 0
        self._out: list[str] = []
        self._wild_count = 0
        # Since the last parameter of this segment: None before the first one.
        self._between: str | None = None
        self.keys: list[str] = []
        self.literal = ""
        self.is_static = True
        self.has_choice = False

    @property
    def source(self) -> str:
        source = "".join(self._out)
        if self._wild_count <= WILD_COUNT_MAX:
            return source
        return f"(?=.{{0,{WILD_PATH_CHARS_MAX}}}\\Z){source}"

    def read(self) -> None:
        while self._at < len(self._path):
            char = self._path[self._at]
            self._at += 1
            if char == ":" and (name := _NAME.match(self._path, self._at)):
                self._at = name.end()
                self._parameter(name.group())
            elif char == "*":
                self._special("(.*)")
                self._key()
                self._wild_count += 1
            elif char in "()?+|":
                self._syntax(char)
            else:
                if char == "\\" and self._at < len(self._path):
                    char = self._path[self._at]
                    self._at += 1
                self._literal(char)

    def _literal(self, char: str) -> None:
        text = quote(char, safe=PATH_CHARS_SAFE + "%")
        self._out.append(re.escape(text))
        if char == "/":
            self._between = None
        elif self._between is not None:
            self._between += re.escape(text)
        if self.is_static:
            self.literal += text

    def _special(self, source: str) -> None:
        self._out.append(source)
        self.is_static = False

    def _key(self) -> None:
        self.keys.append(str(self._unnamed))
        self._unnamed += 1

    def _syntax(self, char: str) -> None:
        if char == "(":
            self._depth += 1
            if self._path[self._at : self._at + 1] != "?":
                self._key()
        elif char == ")":
            self._depth -= 1
        elif char == "|" and self._depth == 0:
            self.has_choice = True
        elif self.is_static:
            # A quantifier: the character before it need not be there, so it is no prefix.
            self.literal = self.literal[:-1]
        self._special(char)

    def _parameter(self, name: str) -> None:
        before = self._out[-1] if self._out else ""
        allowed = r"[^/.]+?" if before == r"\." else "[^/]+?"
        if self._path[self._at : self._at + 1] == "(":
            allowed = self._expression()
            self._wild_count += 0 if self._between is None else 2
        elif self._between and before != r"\.":
            # As Express does since 4.20: a later parameter never takes in its own separator,
            # or `/:a-:b-:c` could be tried in far too many ways.
            allowed = f"(?:(?!{self._between})[^/])+?"
        elif self._between == "":
            self._wild_count += 2  # It and the one before it.
        self._between = ""
        if self._take("*"):
            allowed = f"(?:{allowed})(?:/.+?)?"
        if self._take("?"):
            joint = self._out.pop() if before in ("/", r"\.") else ""
            if self.is_static and joint == r"\.":
                self.literal = self.literal[:-1]
            self._special(f"(?:{joint}({allowed}))?")
        else:
            self._special(f"({allowed})")
        self.keys.append(name)

    def _take(self, char: str) -> bool:
        is_there = self._path[self._at : self._at + 1] == char
        self._at += is_there
        return is_there

    def _expression(self) -> str:
        start, depth = self._at + 1, 0
        while self._at < len(self._path):
            char = self._path[self._at]
            self._at += 2 if char == "\\" else 1
            depth += (char == "(") - (char == ")")
            if depth == 0:
                inner = self._path[start : self._at - 1]
                return _NESTED_GROUP.sub(lambda m: "(?:" if m[0] == "(" else m[0], inner)
        raise ValueError(f"route {self._path!r}: a group is not closed")
