from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from motia_actors.web.routes import Route, Table, problem_of


def found(path: str, at: str, method: str = "GET") -> dict[str, str] | None:
    hit = Table([Route(method, path, "it")]).find("GET", at)
    return None if hit is None else hit[1]


@pytest.mark.parametrize(
    ("path", "at", "params"),
    [
        ("/users", "/users", {}),
        ("/users", "/Users/", {}),
        ("/users/", "/users", {}),
        ("/users", "/users//", None),
        ("/users", "/user", None),
        ("/", "/", {}),
        ("/app.js", "/app.js", {}),
        ("/app.js", "/appxjs", None),
        ("/users/:id", "/USERS/Ab", {"id": "Ab"}),
        ("/users/:id", "/users/a/", {"id": "a"}),
        ("/users/:id", "/users", None),
        ("/users/:id", "/users/a/b", None),
        ("/users/:id?", "/users", {}),
        ("/users/:id?", "/users/7", {"id": "7"}),
        (r"/n/:id(\d+)", "/n/12", {"id": "12"}),
        (r"/n/:id(\d+)", "/n/1x", None),
        ("/n/:id([0-9a-f-]+)", "/n/0a-f", {"id": "0a-f"}),
        ("/n/:id((?:a|b)c)", "/n/bc", {"id": "bc"}),
        ("/n/:id((a|b)c)/:x", "/n/bc/y", {"id": "bc", "x": "y"}),
        ("/files/*", "/files/a/b.txt", {"0": "a/b.txt"}),
        ("/files/*", "/files/", {"0": ""}),
        ("/files/*", "/files", None),
        ("*", "/any/thing", {"0": "/any/thing"}),
        ("/:from-:to", "/a-b", {"from": "a", "to": "b"}),
        ("/:from-:to", "/a-b-c", {"from": "a-b", "to": "c"}),
        ("/:a-:b-:c", "/1-2-3", {"a": "1", "b": "2", "c": "3"}),
        ("/*/*/*", "/a/b/c", {"0": "a", "1": "b", "2": "c"}),
        ("/:name.:ext", "/x.tar.gz", {"name": "x.tar", "ext": "gz"}),
        ("/ab?c", "/ac", {}),
        ("/ab?c", "/abc", {}),
        ("/a(b)?c", "/ac", {}),
        ("/x|/y", "/y", {}),
        ("users", "/users", {}),
        ("/a/:x", "/a/b%20c", {"x": "b c"}),
        ("/a/:x", "/a/b%2Fc", {"x": "b/c"}),
        ("/a/:x", "/a/%2541", {"x": "%41"}),
        ("/caf\u00e9/:x", "/caf%C3%A9/1", {"x": "1"}),
        ("/a\\:b", "/a:b", {}),
    ],
)
def test_a_path_matches_as_in_express(path: str, at: str, params: dict[str, str] | None) -> None:
    assert found(path, at) == params


def test_the_first_registered_route_wins_whatever_its_kind() -> None:
    table = Table(
        [
            Route("GET", "/a/:x", "dynamic"),
            Route("GET", "/a/b", "shadowed"),
            Route("GET", "/c/d", "static"),
            Route("GET", "/c/:x", "later"),
            Route("GET", "/e/f/:x", "deep"),
            Route("GET", "/:x/f/g", "shallow"),
            Route("GET", "/h/*", "star"),
            Route("GET", "/h", "bare"),
        ]
    )

    hits = {path: table.find("GET", path) for path in ("/a/b", "/c/d", "/e/f/g", "/h/", "/h")}

    assert {path: hit and hit[0] for path, hit in hits.items()} == {
        "/a/b": "dynamic",
        "/c/d": "static",
        "/e/f/g": "deep",
        "/h/": "star",
        "/h": "bare",
    }


def test_get_answers_head_but_not_the_other_way_round() -> None:
    table = Table([Route("GET", "/a", 1), Route("HEAD", "/b", 2)])

    assert table.find("HEAD", "/a") == (1, {})
    assert table.find("GET", "/b") is None
    assert table.methods("/a") == ["GET", "HEAD"]


def test_an_unknown_method_finds_nothing() -> None:
    assert Table([Route("GET", "/a", 1)]).find("BREW", "/a") is None


@pytest.mark.parametrize(
    ("method", "path"),
    [("get", "/a"), ("BREW", "/a"), ("GET", "/:a(b"), ("GET", "/a("), ("GET", "/:x([)")],
)
def test_a_route_that_cannot_be_read_has_a_problem(method: str, path: str) -> None:
    assert problem_of(method, path)


def test_a_good_route_has_no_problem() -> None:
    assert problem_of("GET", "/a/:b?") == ""


# Against a matcher that tries each route in turn, segment by segment.

SEGMENTS = st.sampled_from(["a", "b", "A", "c1"])
PARTS = st.lists(st.one_of(SEGMENTS, st.sampled_from([":x", ":y", "*"])), min_size=1, max_size=4)


def slow_match(parts: list[str], path: list[str]) -> bool:
    if not parts:
        return not path
    if parts[0] == "*":
        return any(slow_match(parts[1:], path[size:]) for size in range(1, len(path) + 1))
    if not path:
        return False
    is_same = parts[0].startswith(":") or parts[0].lower() == path[0].lower()
    return is_same and slow_match(parts[1:], path[1:])


@given(st.lists(PARTS, max_size=8), st.lists(SEGMENTS, min_size=1, max_size=5))
def test_the_table_finds_what_trying_each_route_in_turn_finds(
    routes: list[list[str]], path: list[str]
) -> None:
    table = Table(Route("GET", "/" + "/".join(parts), i) for i, parts in enumerate(routes))
    expected = next((i for i, parts in enumerate(routes) if slow_match(parts, path)), None)

    hit = table.find("GET", "/" + "/".join(path))

    assert (None if hit is None else hit[0]) == expected


@given(st.text(max_size=30), st.text(max_size=30))
def test_no_route_and_no_path_breaks_the_table(path: str, at: str) -> None:
    if not problem_of("GET", path):
        Table([Route("GET", path, 1)]).find("GET", at)


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    ("path", "at"),
    [
        ("/:a-:b-:c", "/" + "a-" * 2047 + "/b"),
        ("/:a:b:c", "/" + "a" * 4094 + "/b"),
        ("/:a.:b.:c", "/" + "a." * 2047 + "/b"),
        ("/x/*/*/*/y", "/x" + "/a" * 2047),
        ("/x/*/*/y", "/x" + "/a" * 2047),
    ],
)
def test_a_hostile_path_is_soon_seen_not_to_match(path: str, at: str) -> None:
    assert found(path, at) is None


def test_a_route_of_many_wildcards_matches_up_to_its_limit() -> None:
    assert found("/*/*/*", "/a/b/" + "c" * 251) is not None
    assert found("/*/*/*", "/a/b/" + "c" * 252) is None


@pytest.mark.slow
def test_a_thousand_routes_cost_little_more_than_one() -> None:
    few: Table[Any] = Table([Route("GET", "/api/r1/:id", 1)])
    many = Table(Route("GET", f"/api/r{i}/:id", i) for i in range(1000))

    def best_s(table: Table[Any], path: str) -> float:
        best = 9.0
        for _ in range(20):
            start = time.perf_counter()
            for _ in range(50):
                table.find("GET", path)
            best = min(best, time.perf_counter() - start)
        return best

    assert many.find("GET", "/api/r999/x") == (999, {"id": "x"})
    assert best_s(many, "/api/r999/x") < 5 * best_s(few, "/api/r1/x")
