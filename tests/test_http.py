"""What steps return by our helpers, and the cookies that come back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from motia_actors.errors import UsageError
from motia_actors.http import cookie, event_of, events, redirect
from motia_actors.web.cookies import parse_cookies
from motia_actors.web.replies import encode_reply


def test_a_redirect_has_its_location_as_a_uri() -> None:
    assert redirect("/ü?a=b c&d=%20#x", 303)["headers"] == {"location": "/%C3%BC?a=b%20c&d=%20#x"}
    assert redirect("/", cookies=["a=1"])["headers"]["set-cookie"] == ["a=1"]
    assert encode_reply(redirect("https://[::1]:80/")).headers["location"] == "https://[::1]:80/"


@pytest.mark.parametrize("location", ["/a\r\nx-evil: 1", "/a\n", "/\0"])
def test_a_location_with_a_line_break_is_refused(location: str) -> None:
    with pytest.raises(UsageError, match="control characters"):
        redirect(location)


def test_a_status_that_is_no_redirect_is_refused() -> None:
    with pytest.raises(UsageError, match="write one of 301"):
        redirect("/", 200)


def test_a_cookie_is_safe_unless_it_says_otherwise() -> None:
    assert cookie("a", "b c;d") == "a=b%20c%3Bd; Path=/; HttpOnly; SameSite=Lax"
    everything = cookie(
        "a", "", max_age=0, path=None, domain="x.org", secure=True, http_only=False,
        same_site="None", expires=datetime(2030, 1, 2, tzinfo=UTC),
    )  # fmt: skip
    expires = "Expires=Wed, 02 Jan 2030 00:00:00 GMT"
    assert everything == f"a=; Domain=x.org; Max-Age=0; {expires}; Secure; SameSite=None"


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("a b", {}, "cookie name"),
        ("", {}, "cookie name"),
        ("a\r\n", {}, "cookie name"),
        ("a", {"path": "/;x"}, "Path"),
        ("a", {"domain": "x\r\ny"}, "Domain"),
        ("a", {"same_site": "None"}, "secure=True"),
    ],
)
def test_a_cookie_that_could_say_something_else_is_refused(
    name: str, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        cookie(name, "v", **options)


def test_a_cookie_comes_back_as_it_was() -> None:
    for value in ("", "ü;,= %\r\n\"'", "a=b"):
        assert parse_cookies(cookie("a", value).partition(";")[0]) == {"a": value}


@pytest.mark.parametrize(
    ("header", "cookies"),
    [
        ("a=1; b=2", {"a": "1", "b": "2"}),
        ("a=1; a=2", {"a": "1"}),
        (' a = "x y" ;;b', {"a": "x y"}),
        ("a=b=c", {"a": "b=c"}),
        ("=x; a", {}),
        ("a=%zz", {"a": "%zz"}),
        ('a="', {"a": '"'}),
    ],
)
def test_cookies_are_read_as_they_are_sent(header: str, cookies: dict[str, str]) -> None:
    assert parse_cookies(header) == cookies


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ("a", "data: a\n\n"),
        ("a\nb\r\nc\r", "data: a\ndata: b\ndata: c\ndata: \n\n"),
        ({"x": 1}, 'data: {"x":1}\n\n'),
        (None, "data: null\n\n"),
        ({"data": "a", "event": "e", "id": 7, "retry": 10.0},
         "event: e\nid: 7\nretry: 10\ndata: a\n\n"),
        # More than the fields of an event, so it is the data itself.
        ({"data": 1, "other": 2}, 'data: {"data":1,"other":2}\n\n'),
    ],
)  # fmt: skip
def test_an_event_is_written_as_browsers_read_it(value: object, sent: str) -> None:
    assert event_of(value) == sent.encode()


@pytest.mark.parametrize("field", ["event", "id"])
def test_a_field_with_a_line_break_is_refused(field: str) -> None:
    with pytest.raises(UsageError, match=field):
        event_of({"data": "a", field: "x\ndata: evil"})


def test_closing_events_closes_their_source() -> None:
    ended: list[str] = []

    def source() -> Iterator[int]:
        try:
            yield 1
        finally:
            ended.append("closed")

    body = events(source(), headers={"x-a": "1"})["body"]
    assert next(body) == b"data: 1\n\n"
    body.close()

    assert ended == ["closed"]


async def _source(ended: list[str]) -> AsyncIterator[int]:
    try:
        yield 1
    finally:
        ended.append("closed")


def test_closing_async_events_closes_their_source() -> None:
    ended: list[str] = []
    body = events(_source(ended))["body"]

    for step in (body.__anext__(), body.aclose()):
        with pytest.raises(StopIteration):
            step.send(None)

    assert ended == ["closed"]
