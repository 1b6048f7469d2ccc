"""Find the endpoint of a request: the first route that was registered and matches.

A `Table` is immutable once made; hot reload makes a new one and swaps it in. Static paths are
found in a dict, except where an earlier dynamic route matches them too. Dynamic routes hang in
a tree by their leading literal segments, the routes of a node in few large expressions, so that
the cost grows with the depth of a path more than with the number of routes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Generic, NamedTuple, TypeVar
from urllib.parse import unquote

from motia_actors.web.patterns import Pattern, compile_pattern

T = TypeVar("T")

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
# Python compiles an expression in time quadratic in its branches, and matches them in turn.
_BRANCHES_MAX = 64


class Route(NamedTuple, Generic[T]):
    """What answers a method on an Express path."""

    method: str
    path: str
    target: T


def problem_of(method: str, path: str) -> str:
    """Why a route cannot be mounted; empty where it can."""
    if method not in METHODS:
        return f"method {method!r} is none of {', '.join(METHODS)}"
    try:
        compile_pattern(path)
    except ValueError as error:
        return str(error)
    return ""


class _Entry(NamedTuple, Generic[T]):
    order: int
    pattern: Pattern
    target: T


class _Hit(NamedTuple, Generic[T]):
    order: int
    target: T
    params: dict[str, str]


class _Chunk(Generic[T]):
    """Up to _BRANCHES_MAX routes in one expression, in their order."""

    def __init__(self, entries: Sequence[_Entry[T]]) -> None:
        self.order = entries[0].order
        self._by_group: dict[int, tuple[_Entry[T], list[tuple[str, int]]]] = {}
        group = 1
        for entry in entries:
            keys = entry.pattern.keys
            self._by_group[group] = entry, [(key, group + i) for i, key in enumerate(keys, 1)]
            group += 1 + len(keys)
        source = "|".join(f"((?:{entry.pattern.source})/?)\\Z" for entry in entries)
        self._match: Callable[[str], re.Match[str] | None] = re.compile(
            source, re.IGNORECASE | re.ASCII
        ).match

    def find(self, path: str) -> _Hit[T] | None:
        match = self._match(path)
        if match is None:
            return None
        # The group around a branch closes last, so it is the one that lastindex names.
        entry, groups = self._by_group[match.lastindex or 0]
        params: dict[str, str] = {}
        for key, group in groups:
            value = match[group]
            if value is not None:
                params[key] = unquote(value) if "%" in value else value
        return _Hit(entry.order, entry.target, params)


class _Node(Generic[T]):
    """Dynamic routes that share their leading literal segments."""

    def __init__(self) -> None:
        self.children: dict[str, _Node[T]] = {}
        self.entries: list[_Entry[T]] = []
        self.chunks: list[_Chunk[T]] = []

    def add(self, entry: _Entry[T]) -> None:
        node = self
        for segment in entry.pattern.segments:
            node = node.children.setdefault(segment, _Node())
        node.entries.append(entry)

    def compile(self) -> None:
        for at in range(0, len(self.entries), _BRANCHES_MAX):
            self.chunks.append(_Chunk(self.entries[at : at + _BRANCHES_MAX]))
        for child in self.children.values():
            child.compile()

    def find(self, path: str) -> _Hit[T] | None:
        best: _Hit[T] | None = None
        node: _Node[T] | None = self
        segments = iter(path.lower().split("/")[1:])
        while node is not None:
            for chunk in node.chunks:
                if best is not None and best.order < chunk.order:
                    break
                hit = chunk.find(path)
                if hit is not None:
                    best = hit if best is None or hit.order < best.order else best
                    break
            if not node.children:
                break
            node = node.children.get(next(segments, ""))
        return best


class _Method(Generic[T]):
    """The routes that answer one method."""

    def __init__(self, entries: Iterable[_Entry[T]]) -> None:
        self.static: dict[str, T] = {}
        self.dynamic: _Node[T] = _Node()
        static = []
        for entry in entries:
            if entry.pattern.literal is None:
                self.dynamic.add(entry)
            else:
                static.append(entry)
        self.dynamic.compile()
        for entry in static:
            for path in (entry.pattern.literal or "", f"{entry.pattern.literal}/"):
                earlier = self.dynamic.find(path)
                if earlier is None or earlier.order > entry.order:
                    self.static.setdefault(path, entry.target)


class Table(Generic[T]):
    """Routes in the order of their registration, ready to be searched from any thread."""

    def __init__(self, routes: Iterable[Route[T]] = ()) -> None:
        entries = [
            (route.method, _Entry(order, compile_pattern(route.path), route.target))
            for order, route in enumerate(routes)
        ]
        self._methods = {
            # As in Express, GET answers HEAD.
            method: _Method(
                entry for of, entry in entries if of == method or (method, of) == ("HEAD", "GET")
            )
            for method in METHODS
        }

    def find(self, method: str, path: str) -> tuple[T, dict[str, str]] | None:
        """The target and its decoded parameters; path is as `route_path` made it."""
        routes = self._methods.get(method)
        if routes is None:
            return None
        target = routes.static.get(path.lower())
        if target is not None:
            return target, {}
        hit = routes.dynamic.find(path)
        return None if hit is None else (hit.target, hit.params)

    def methods(self, path: str) -> list[str]:
        """The methods that path answers, for the Allow header."""
        return [method for method in METHODS if self.find(method, path) is not None]
