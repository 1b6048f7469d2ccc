"""Answers on the wire: the same bytes, and the same refusals, as gunicorn's own response class."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from gunicorn.http.wsgi import Response
from hypothesis import example, given
from hypothesis import strategies as st

from motia_actors.web import wire
from motia_actors.web.joined import JoinedResponse
from motia_actors.web.wire import Answer, lines_of

CFG = SimpleNamespace(sendfile=False, is_ssl=False)
DATE = "Thu, 26 Nov 2026 12:00:00 GMT"

names = st.sampled_from(
    [
        "Content-Type",
        "content-length",
        "X-A",
        "x-a",
        "Connection",
        "Transfer-Encoding",
        "Keep-Alive",
    ]
) | st.text(max_size=4)
values = st.sampled_from(["3", "0", "a b", "caf\xe9", "a\tb", "a\r\nb: c", "\u20ac", "", "close"])
headers = st.lists(st.tuples(names, values), max_size=5)
statuses = st.sampled_from(
    [
        "200 OK",
        "204 No Content",
        "304 Not Modified",
        "500 ",
        "404",
        "101 Switching Protocols",
        "200\r\nA: b",
        "20 OK",
    ]
)
pieces = st.lists(st.sampled_from([b"", b"a", b"abc", b"x" * 70]), max_size=3)


@pytest.fixture(autouse=True)
def _one_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire._dates, "now", lambda: DATE)
    monkeypatch.setattr("gunicorn.util.http_date", lambda: DATE)


class Wire:
    """Takes what is sent, as a socket or as a function."""

    def __init__(self) -> None:
        self.data = b""

    def sendall(self, data: bytes) -> None:
        self.data += data


def answered(
    answer: Any, sent: Wire, status: str, fields: list[tuple[str, str]], body: list[bytes]
) -> object:
    """The bytes, whether the connection is kept and how long the body was; or that it is refused.

    Of several mistakes any may be the one that is named.
    """
    try:
        answer.start_response(status, list(fields))
        for piece in body:
            answer.write(piece)
        answer.close()
    except Exception:  # noqa: BLE001 (each mistake has its own)
        return "refused"
    return sent.data, answer.should_close(), answer.sent, answer.status


@given(
    method=st.sampled_from(["GET", "HEAD", "POST"]),
    version=st.sampled_from([(1, 0), (1, 1)]),
    closes=st.booleans(),
    status=statuses,
    fields=headers,
    body=pieces,
)
@example(
    method="HEAD",
    version=(1, 1),
    closes=False,
    status="204 No Content",
    fields=[("Content-Length", "0")],
    body=[b"abc"],
)
@example(
    method="GET",
    version=(1, 1),
    closes=False,
    status="200 OK",
    fields=[("Content-Length", "a b"), ("Content-Length", "3")],
    body=[b"abc"],
)
def test_an_answer_is_what_gunicorn_makes_of_it(
    method: str,
    version: tuple[int, int],
    *,
    closes: bool,
    status: str,
    fields: list[tuple[str, str]],
    body: list[bytes],
) -> None:
    head: Any = SimpleNamespace(method=method, version=version, should_close=lambda: closes)
    ours, theirs, joined = Wire(), Wire(), Wire()

    made = answered(Answer(head, ours.sendall), ours, status, fields, body)

    expected = answered(Response(head, theirs, CFG), theirs, status, fields, body)
    assert made == expected
    assert answered(JoinedResponse(head, joined, CFG), joined, status, fields, body) == expected


@pytest.mark.parametrize("is_joined", [False, True])
def test_an_answer_that_has_not_begun_may_become_an_error(*, is_joined: bool) -> None:
    sent = Wire()
    head: Any = SimpleNamespace(method="GET", version=(1, 1), should_close=lambda: False)
    answer: Any = JoinedResponse(head, sent, CFG) if is_joined else Answer(head, sent.sendall)
    answer.start_response("200 OK", [("content-length", "2")])

    failure: Any = (ValueError, ValueError("late"), None)
    answer.start_response("500 Oh", [("content-length", "1")], failure)
    answer.write(b"x")

    assert sent.data.startswith(b"HTTP/1.1 500 Oh\r\n")
    with pytest.raises(ValueError, match="late"):
        answer.start_response("200 OK", [], failure)
    with pytest.raises(AssertionError):
        answer.start_response("200 OK", [])


def test_a_value_of_a_class_of_its_own_is_the_text_that_was_looked_at() -> None:
    class Value(str):
        __slots__ = ()

        def __str__(self) -> str:
            return "a=1\r\nX-Injected: 1"

    assert lines_of([("set-cookie", Value("a=1"))]) == ("set-cookie: a=1\r\n", None)
