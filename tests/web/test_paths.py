from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from motia_actors.web.paths import route_path


def environ_of(path: str, raw: str | None = None, *, root: str = "") -> dict[str, Any]:
    environ = {"PATH_INFO": path, "SCRIPT_NAME": root}
    return environ if raw is None else environ | {"RAW_URI": raw}


@pytest.mark.parametrize(
    ("path", "raw", "expected"),
    [
        ("/a", "/a", "/a"),
        ("", "", "/"),
        ("/a/b", "/a%2Fb?x=%zz", "/a%2Fb"),
        ("/a b", "/a%20b", "/a%20b"),
        ("/ab", "/%61b", "/ab"),
        ("/a%41", "/a%2541", "/a%2541"),
        ("/a%41", None, "/a%2541"),
        ("/a b", None, "/a b"),
        ("/\u00c3\u00a9", None, "/%C3%A9"),
        ("/\u00c3\u00a9", "/%c3%a9", "/%C3%A9"),
        ("/a/b", "http://h:1/a%2Fb", "/a%2Fb"),
        ("/rewritten", "/o%20riginal", "/rewritten"),
        ("/a", "/a?b=%20", "/a"),
    ],
)
def test_a_path_comes_in_one_spelling(path: str, raw: str | None, expected: str) -> None:
    assert route_path(environ_of(path, raw)) == expected


def test_a_mount_point_is_no_part_of_the_path() -> None:
    assert route_path(environ_of("/a b", "/root/a%20b", root="/root")) == "/a%20b"


@pytest.mark.parametrize(
    ("path", "raw"), [("/%zz", "/%zz"), ("/%", "/%"), ("/\xff", "/%ff"), ("/\xff", None)]
)
def test_a_malformed_escape_is_refused(path: str, raw: str | None) -> None:
    with pytest.raises(ValueError, match="path"):
        route_path(environ_of(path, raw))


@given(st.text(alphabet=st.characters(max_codepoint=255)), st.text(alphabet="/%a2F\xe9? "))
def test_any_path_is_read_or_refused(path: str, raw: str) -> None:
    try:
        encoded = route_path(environ_of(path, raw))
    except ValueError:
        return
    assert encoded.isascii()
