"""Bodies that are made while they are sent: their pieces, limits and ends."""

from __future__ import annotations

from typing import Any

import pytest
from falcon.testing import Result

from motia_actors.errors import UsageError
from motia_actors.pieces import Pieces, piece_of
from motia_actors.promise import Promise
from motia_actors.web.limits import StreamLimits
from motia_actors.web.streaming import COMMENT, Streaming, Streams
from tests.web.front import Steps, answering


class Given(Pieces):
    """Pieces that are there, then the end, an error, or nothing at all."""

    def __init__(self, *pieces: bytes, error: Exception | None = None, hangs: bool = False) -> None:
        self._left = list(pieces)
        self._error, self._hangs = error, hangs
        self.waiting: Promise[bytes | None] = Promise()
        self.pulled = self.closed = 0

    def pull(self) -> Promise[bytes | None]:
        self.pulled += 1
        if self._left:
            return Promise.of(self._left.pop(0))
        if self._error is not None:
            return Promise.broken(self._error)
        return self.waiting if self._hangs else Promise.of(None)

    def close(self) -> None:
        self.closed += 1
        self.waiting.set(None)


class Told(list[str]):
    """What was logged."""


def begin(pieces: Pieces, *, is_events: bool = False, **limits: Any) -> tuple[Streaming, Told]:
    told = Told()
    streams = Streams(StreamLimits(**limits), offload=None)
    streaming = streams.begin(pieces, is_events=is_events, on_error=told.append)
    assert streaming is not None
    return streaming, told


def ask(pieces: Pieces, method: str = "GET", headers: object = None, **settings: object) -> Result:
    steps = Steps()
    steps.add(method, "/a", answering({"status": 200, "body": pieces, "headers": headers}))
    return steps.client(**settings).simulate_request(method, "/a")


def test_pieces_are_sent_in_order_and_closed_at_the_end() -> None:
    pieces = Given(b"a", b"", b"b")

    answer = ask(pieces)

    assert (answer.status_code, answer.content) == (200, b"ab")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert "content-length" not in answer.headers
    assert pieces.closed


def test_a_failure_before_the_first_piece_is_a_500() -> None:
    pieces = Given(error=ValueError("no"))

    answer = ask(pieces)

    assert (answer.status_code, answer.json) == (500, {"error": "Internal server error"})
    assert pieces.closed


def test_who_waits_for_the_first_piece_says_so_before() -> None:
    pieces, pulled = Given(b"a"), list[int]()
    steps = Steps()
    steps.add("GET", "/a", answering({"status": 200, "body": pieces, "headers": None}))

    extras = {"motia_actors.on_wait": lambda: pulled.append(pieces.pulled)}
    answer = steps.client().simulate_get("/a", extras=extras)

    assert answer.content == b"a"
    assert pulled == [0]


def test_nothing_is_asked_for_that_the_client_did_not_take() -> None:
    pieces = Given(b"a", b"b", b"c")
    streaming, _ = begin(pieces)

    assert next(streaming) == b"a"

    assert pieces.pulled == 1


@pytest.mark.parametrize("method", ["HEAD"])
def test_head_makes_no_piece(method: str) -> None:
    pieces = Given(b"a")

    answer = ask(pieces, method)

    assert (answer.status_code, answer.content, pieces.pulled) == (200, b"", 0)
    assert pieces.closed


def test_an_answer_that_cannot_be_sent_closes_its_pieces() -> None:
    pieces = Given(b"a")

    answer = ask(pieces, headers={"x-a": "b\r\nx-evil: 1"})

    assert answer.status_code == 500
    assert pieces.closed


def test_a_failure_in_the_middle_cuts_the_connection_and_is_told() -> None:
    streaming, told = begin(Given(b"a", error=ValueError("no more")))

    assert next(streaming) == b"a"
    with pytest.raises(BrokenPipeError):
        next(streaming)

    assert told == ["ValueError: no more"]


@pytest.mark.parametrize("limits", [{"idle_s": 0.01}, {"total_s": 0.01}])
def test_one_without_a_piece_for_too_long_is_cut(limits: dict[str, Any]) -> None:
    streaming, told = begin(Given(b"a", hangs=True), **limits)

    assert next(streaming) == b"a"
    with pytest.raises(BrokenPipeError):
        next(streaming)

    assert "MOTIA_STREAM_IDLE" in told[0]


def test_an_event_stream_shows_that_it_lives_and_ends_when_idle() -> None:
    pieces = Given(b"data: 1\n\n", hangs=True)
    streaming, told = begin(pieces, is_events=True, idle_s=0.1, heartbeat_s=0.02)

    sent = list(streaming)

    assert sent[:3] == [COMMENT, b"data: 1\n\n", COMMENT]
    assert set(sent[2:]) == {COMMENT}
    assert not told


def test_an_event_stream_sends_its_head_before_the_first_event() -> None:
    pieces = Given(hangs=True)
    streaming, _ = begin(pieces, is_events=True)

    assert next(streaming) == COMMENT

    assert pieces.pulled == 0


def test_one_more_than_there_may_be_is_a_503() -> None:
    pieces = Given(b"a")

    answer = ask(pieces, streams=StreamLimits(count_max=0))

    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert pieces.closed


def test_a_place_is_free_again_once_a_stream_is_closed() -> None:
    streams = Streams(StreamLimits(count_max=1), offload=None)
    first = streams.begin(Given(), is_events=False, on_error=print)
    assert first is not None
    assert streams.begin(Given(), is_events=False, on_error=print) is None

    first.close()

    assert streams.begin(Given(), is_events=False, on_error=print) is not None


def test_a_stop_ends_event_streams_and_lets_others_go_on() -> None:
    streams = Streams(StreamLimits(), offload=None)
    events, download = Given(hangs=True), Given(b"a")
    listening = streams.begin(events, is_events=True, on_error=print)
    loading = streams.begin(download, is_events=False, on_error=print)
    assert listening is not None
    assert loading is not None

    streams.begin_stop()

    assert list(listening) == [COMMENT]
    assert list(loading) == [b"a"]
    assert not download.closed


def test_what_is_to_happen_at_the_end_happens_once() -> None:
    streaming, _ = begin(Given())
    seen: list[int] = []
    streaming.on_close.append(lambda: seen.append(1))

    streaming.close()
    streaming.close()

    assert seen == [1]


def test_a_piece_is_text_or_bytes() -> None:
    assert [piece_of(one) for one in ("ü", b"b", bytearray(b"c"))] == ["ü".encode(), b"b", b"c"]
    with pytest.raises(UsageError, match="yielded a dict"):
        piece_of({})
