from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from motia_actors.errors import UsageError
from motia_actors.web.replies import add_etag, encode_reply, etag_of

JSON = "application/json; charset=utf-8"


@dataclass
class Answer:
    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


@pytest.mark.parametrize(
    ("body", "data", "content_type"),
    [
        ({"a": 1}, b'{"a":1}', JSON),
        ([1], b"[1]", JSON),
        (None, b"null", JSON),
        (True, b"true", JSON),
        (0, b"0", JSON),
        (float("nan"), b"null", JSON),
        ("just text", b"just text", "text/html; charset=utf-8"),
        ("", b"", "text/html; charset=utf-8"),
        (b"\0\1", b"\0\1", "application/octet-stream"),
        (bytearray(b"x"), b"x", "application/octet-stream"),
        (memoryview(b"x"), b"x", "application/octet-stream"),
        ({"type": "Buffer", "data": [0, 1, 255]}, b"\0\1\xff", "application/octet-stream"),
        ({"type": "Buffer", "data": [256]}, b'{"type":"Buffer","data":[256]}', JSON),
        ({"type": "Buffer", "data": 99}, b'{"type":"Buffer","data":99}', JSON),
    ],
)
def test_a_body_is_sent_by_its_type(body: object, data: bytes, content_type: str) -> None:
    reply = encode_reply({"status": 200, "body": body})

    assert (reply.data, reply.headers["content-type"]) == (data, content_type)


@pytest.mark.parametrize(
    ("body", "declared", "sent"),
    [
        ("x", "text/plain", "text/plain; charset=utf-8"),
        ("x", "text/plain; charset=latin-1", "text/plain; charset=utf-8"),
        ({}, "application/problem+json", "application/problem+json; charset=utf-8"),
        (b"x", "image/png", "image/png"),
    ],
)
def test_a_declared_content_type_wins(body: object, declared: str, sent: str) -> None:
    reply = encode_reply({"status": 200, "body": body, "headers": {"Content-Type": declared}})

    assert reply.headers == {"content-type": sent}


@pytest.mark.parametrize("status", [200, "200", 200.0, HTTPStatus.OK])
def test_a_status_may_be_spelt_in_several_ways(status: object) -> None:
    assert encode_reply({"status": status}).status == 200


@pytest.mark.parametrize("status", [None, True, 99, 101, 600, -200, "x", "2e2", "", 200.5, [200]])
def test_what_is_no_final_status_is_refused(status: object) -> None:
    with pytest.raises(UsageError, match="status"):
        encode_reply({"status": status, "body": {}})


@pytest.mark.parametrize("result", [None, False, {}, "", 0, "text", [1], 5, object()])
def test_what_is_no_answer_is_refused_and_shown_the_right_one(result: object) -> None:
    with pytest.raises(UsageError, match=r'return \{"status": 200'):
        encode_reply(result)


def test_no_body_key_sends_nothing() -> None:
    reply = encode_reply({"status": 200})

    assert (reply.data, reply.headers) == (b"", {})


@pytest.mark.parametrize("status", [204, 304])
def test_some_statuses_have_no_body(status: int) -> None:
    headers = {"Content-Type": "x/y", "X-A": "1"}
    reply = encode_reply({"status": status, "body": {"a": 1}, "headers": headers})

    assert (reply.data, reply.headers) == (b"", {"x-a": "1"})


def test_an_object_with_the_attributes_will_do() -> None:
    reply = encode_reply(Answer(201, {"a": 1}, {"X-A": "1"}))

    assert (reply.status, reply.data, reply.headers["x-a"]) == (201, b'{"a":1}', "1")


def test_headers_of_several_values_are_joined_but_for_cookies() -> None:
    headers = {"Set-Cookie": ["a=1", "b=2"], "Vary": ["a", "b"], "X-N": 5, "X-None": None}
    reply = encode_reply({"status": 200, "headers": headers})

    assert reply.cookies == ("a=1", "b=2")
    assert reply.headers == {"vary": "a, b", "x-n": "5"}


def test_headers_that_frame_the_answer_are_the_servers() -> None:
    headers = {"Content-Length": "99", "Transfer-Encoding": "chunked", "Connection": "close"}

    assert encode_reply({"status": 200, "headers": headers}).headers == {}


@pytest.mark.parametrize(
    "headers",
    [
        {"X-A": "a\r\nSet-Cookie: b=1"},
        {"X-A": "a\n"},
        {"X-A": "a\0"},
        {"X-A": "\u20ac"},
        {"X-A\r\nX-B": "1"},
        {"X A": "1"},
        {"": "1"},
        {5: "1"},
        {"Set-Cookie": ["a=1", "b=2\r\n"]},
        ["x"],
        "x",
    ],
)
def test_a_header_that_would_break_the_answer_is_refused(headers: object) -> None:
    with pytest.raises(UsageError):
        encode_reply({"status": 200, "body": {}, "headers": headers})


@pytest.mark.parametrize("body", [object(), {"a": {1, object()}}, "\ud800", {1j: 2}])
def test_a_body_that_cannot_be_written_is_refused(body: object) -> None:
    with pytest.raises(UsageError, match="body"):
        encode_reply({"status": 200, "body": body})


@given(st.text())
def test_no_header_value_breaks_out_of_its_line(value: str) -> None:
    try:
        sent = encode_reply({"status": 200, "headers": {"X-A": value}}).headers["x-a"]
    except UsageError:
        return
    assert not {"\r", "\n", "\0"} & set(sent)
    assert sent.encode("latin-1").decode("latin-1") == value


@pytest.mark.parametrize(
    ("data", "etag"),
    [
        (b"just text", 'W/"9-ZkRMg5GjrTWUVQKG7gR6pcqRNBQ"'),
        (b'{"ok":true}', 'W/"b-Ai2R8hgEarLmHKwesT1qcY913ys"'),
        (b"\x00\x01\x02\xff", 'W/"4-xiwnkk9Mln9e3bGFDAkdVMeiq1g"'),
    ],
)
def test_an_etag_is_the_one_express_makes(data: bytes, etag: str) -> None:
    assert etag_of(data) == etag


@pytest.mark.parametrize(
    ("held", "cache_control", "status"),
    [
        (None, None, 200),
        ('W/"9-x"', None, 200),
        ('W/"9-ZkRMg5GjrTWUVQKG7gR6pcqRNBQ"', None, 304),
        ('"a", "9-ZkRMg5GjrTWUVQKG7gR6pcqRNBQ"', None, 304),
        ("*", None, 304),
        ("*", "no-cache", 200),
    ],
)
def test_a_client_that_holds_the_body_is_told_so(
    held: str | None, cache_control: str | None, status: int
) -> None:
    reply = encode_reply({"status": 200, "body": "just text"})

    sent = {"HTTP_IF_NONE_MATCH": held, "HTTP_CACHE_CONTROL": cache_control}
    add_etag(reply, {key: value for key, value in sent.items() if value is not None})

    assert reply.status == status
    assert bool(reply.data) == (status == 200)


def test_an_error_and_an_own_etag_are_left_alone() -> None:
    error = encode_reply({"status": 404, "body": "x"})
    own = encode_reply({"status": 200, "body": "x", "headers": {"ETag": '"mine"'}})

    add_etag(error, {"HTTP_IF_NONE_MATCH": "*"})
    add_etag(own, {"HTTP_IF_NONE_MATCH": '"mine"'})

    assert "etag" not in error.headers
    assert (own.status, own.headers) == (304, {"etag": '"mine"'})
