"""gunicorn's response with head and body in one write; its bytes are compared in test_wire.py."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from gunicorn.http.wsgi import Response
from gunicorn.http2.response import HTTP2Response

from motia_actors.web.joined import JOINED_BYTES_MAX, joining

CFG = SimpleNamespace(sendfile=False, is_ssl=False)


class Writes:
    """A socket that keeps each write apart."""

    def __init__(self) -> None:
        self.made: list[bytes] = []

    def sendall(self, data: bytes) -> None:
        self.made.append(data)


def answered(body: list[bytes], *headers: tuple[str, str], method: str = "GET") -> list[bytes]:
    """What goes to the socket where an application answers so under gunicorn."""
    head = SimpleNamespace(method=method, version=(1, 1), should_close=lambda: False)
    sent = Writes()
    response = Response(head, sent, CFG)

    def app(_environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [*headers, ("x-a", "b")])
        return body

    for piece in joining(app)({}, response.start_response):
        response.write(piece)
    response.close()
    return sent.made


def test_head_and_body_are_one_write() -> None:
    (only,) = answered([b"abc"], ("content-length", "3"))

    assert only.endswith(b"x-a: b\r\n\r\nabc")


def test_what_follows_the_first_piece_is_written_as_it_comes() -> None:
    first, second = answered([b"abc", b"de"], ("content-length", "5"))

    assert first.endswith(b"\r\n\r\nabc")
    assert second == b"de"


def test_of_a_body_shorter_than_nothing_no_byte_is_sent() -> None:
    sent = b"".join(answered([b"hello"], ("content-length", "-2")))

    assert sent.endswith(b"x-a: b\r\n\r\n")


def test_a_head_that_was_cut_off_is_not_sent_again() -> None:
    class Cut(Writes):
        def sendall(self, data: bytes) -> None:
            super().sendall(data)
            raise SystemExit

    head = SimpleNamespace(method="GET", version=(1, 1), should_close=lambda: False)
    sent = Cut()
    response = Response(head, sent, CFG)

    def app(_environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [("content-length", "3")])
        return [b"abc"]

    (piece,) = joining(app)({}, response.start_response)

    with pytest.raises(SystemExit):
        response.write(piece)

    assert response.headers_sent
    assert len(sent.made) == 1


def test_no_more_is_sent_than_was_declared() -> None:
    (only,) = answered([b"abcdef", b"g"], ("content-length", "3"))

    assert only.endswith(b"\r\n\r\nabc")


def test_a_large_body_is_not_copied_behind_its_head() -> None:
    large = b"x" * (JOINED_BYTES_MAX + 1)

    head, body = answered([large], ("content-length", str(len(large))))

    assert head.endswith(b"x-a: b\r\n\r\n")
    assert body is large


def test_an_empty_body_is_a_head_alone() -> None:
    (head,) = answered([], ("content-length", "0"))

    assert head.endswith(b"x-a: b\r\n\r\n")


def test_what_has_no_length_or_no_body_is_left_to_gunicorn() -> None:
    assert len(answered([b"abc"])) == 3  # Head, chunk, and the last one.
    assert len(answered([b"abc"], ("content-length", "3"), method="HEAD")) == 1


def test_a_body_that_is_not_bytes_is_refused() -> None:
    text: Any = "abc"

    with pytest.raises(TypeError):
        answered([text], ("content-length", "3"))


def test_other_responses_are_left_as_they_are() -> None:
    head = SimpleNamespace(method="GET", version=(2, 0))
    over_http2 = HTTP2Response(head, None, CFG, None, 1)
    given: list[object] = []

    def foreign() -> None: ...

    def app(_environ: dict[str, Any], start_response: Any) -> list[bytes]:
        given.append(start_response)
        return []

    joining(app)({}, over_http2.start_response)
    joining(app)({}, foreign)

    assert given == [over_http2.start_response, foreign]
    assert type(over_http2) is HTTP2Response
