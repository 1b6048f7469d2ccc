from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote_plus, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from motia_actors.web.queries import parse_query


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", {}),
        ("a=1", {"a": "1"}),
        ("a=1&a=2&a=3", {"a": ["1", "2", "3"]}),
        ("e=&f", {"e": "", "f": ""}),
        ("plus=a+b&c+d=%20", {"plus": "a b", "c d": " "}),
        ("x%5By%5D=z", {"x": {"y": "z"}}),
        ("arr%5B%5D=1", {"arr": ["1"]}),
        ("a[b]=1&a[c]=2&d=3", {"a": {"b": "1", "c": "2"}, "d": "3"}),
        ("a[]=1&a=2&b=1&b[]=2", {"a": ["1", "2"], "b": ["1", "2"]}),
        ("a[1]=x&a[0]=y", {"a": ["y", "x"]}),
        ("a[1234]=on", {"a": {"1234": "on"}}),
        ("a[]=1&b[c][]=2", {"a": ["1"], "b": {"c": ["2"]}}),
        ("&".join(["a[]=1"] * 50), {"a": ["1"] * 50}),
        ("a=1&b[c]=2&a=3", {"a": ["1", "3"], "b": {"c": "2"}}),
        ("__proto__=1&constructor=2", {"__proto__": "1", "constructor": "2"}),
        ("a=b=c", {"a": "b=c"}),
        ("&&=x&a=1", {"a": "1"}),
        ("a=%zz&b=%ff", {"a": "%zz", "b": "%ff"}),
        ("%C3%BC=%E2%82%AC", {"\u00fc": "\u20ac"}),
        (
            "q=1&q=2&x%5By%5D=z&e=&arr%5B%5D=1&plus=a+b",
            {"q": ["1", "2"], "x": {"y": "z"}, "e": "", "arr": ["1"], "plus": "a b"},
        ),
    ],
)
def test_a_query_reads_as_in_motia(text: str, values: dict[str, Any]) -> None:
    assert parse_query(text, fields_max=100) == values


@pytest.mark.parametrize("joint", ["=", "[]="])
def test_fields_past_the_limit_are_left_out(joint: str) -> None:
    text = "&".join(f"a{i}{joint}{i}" for i in range(10))

    assert len(parse_query(text, fields_max=10)) == 10
    assert len(parse_query(text, fields_max=9)) == 9


def test_brackets_past_the_depth_stay_in_the_key() -> None:
    assert parse_query("a[b][c]=1", fields_max=9, depth_max=1) == {"a": {"b": {"[c]": "1"}}}


@given(st.dictionaries(st.text(min_size=1).filter(lambda key: "[" not in key), st.text()))
def test_what_was_quoted_reads_back(values: dict[str, str]) -> None:
    text = "&".join(f"{quote_plus(key)}={quote_plus(value)}" for key, value in values.items())

    assert parse_query(text, fields_max=1000) == values


@given(st.text(alphabet="ab[]=&%5BDd0.+\u00fc"))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        values = parse_query(text, fields_max=20)
    except ValueError:
        return
    assert isinstance(values, dict)


@given(st.text(alphabet="a=%4120fF_ \t\r\n.\u00fc"))
def test_escapes_are_decoded_as_by_the_standard_library_or_not_at_all(text: str) -> None:
    try:
        decoded = unquote(text, errors="strict")
    except UnicodeDecodeError:
        decoded = text
    is_malformed = re.search("%(?![0-9a-fA-F]{2})", text)

    value = parse_query(f"k={text}", fields_max=9)["k"]

    assert value == (text if is_malformed else decoded)
