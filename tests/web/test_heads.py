"""Reading heads and chunked bodies: the same result however the bytes were split."""

from __future__ import annotations

from itertools import pairwise

import pytest
from gunicorn.config import Config
from hypothesis import given
from hypothesis import strategies as st

from motia_actors.web.chunks import Chunks
from motia_actors.web.heads import HeadReader, status_of

CFG = Config()
HEAD = b"POST /a?b=c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
BODY = b"3\r\nabc\r\n5;a=b\r\ndefgh\r\n0\r\nX-Trailer: 1\r\n\r\n"
NEXT = b"GET /next HTTP/1.1\r\nHost: x\r\n\r\n"
STREAM = HEAD + BODY + NEXT

cuts = st.lists(st.integers(0, len(STREAM)), max_size=12).map(
    lambda at: sorted({0, len(STREAM), *at})
)


def read_stream(pieces: list[bytes]) -> tuple[list[str], bytes]:
    """What two requests in pieces are read as: their targets, and the body of the first."""
    reader, buffer, targets, body = HeadReader(CFG, ("127.0.0.1", 1)), bytearray(), [], b""
    chunks: Chunks | None = None
    for piece in pieces:
        buffer += piece
        while buffer:
            if chunks is not None:
                body += chunks.feed(buffer)
                if not chunks.is_complete:
                    break
                chunks = None
            head = reader.read(buffer)
            if head is None:
                break
            targets.append(head.uri)
            chunks = head.chunks
    return targets, body


@given(cuts)
def test_a_stream_of_requests_reads_the_same_wherever_it_is_split(at: list[int]) -> None:
    pieces = [STREAM[start:end] for start, end in pairwise(at)]

    assert read_stream(pieces) == (["/a?b=c", "/next"], b"abcdefgh")


@given(st.binary(max_size=400), st.lists(st.integers(1, 50), min_size=1, max_size=20))
def test_what_is_chunked_comes_out_as_it_went_in(body: bytes, sizes: list[int]) -> None:
    sent, start = b"", 0
    while start < len(body):
        size = min(sizes[start % len(sizes)], len(body) - start)
        sent += b"%x\r\n%b\r\n" % (size, body[start : start + size])
        start += size
    chunks, buffer = Chunks(line_bytes_max=100, trailer_bytes_max=100), bytearray()

    received = b""
    for byte in sent + b"0\r\n\r\n":
        buffer.append(byte)
        received += chunks.feed(buffer)

    assert (received, chunks.is_complete, bytes(buffer)) == (body, True, b"")


@pytest.mark.parametrize(
    "sent",
    [
        b"0x2\r\n{}\r\n",
        b"+2\r\n{}\r\n",
        b"2 \r\n{}\r\n",
        b"\r\n",
        b"-1\r\n",
        b"2\r\n{}}\r\n",
        b"2\n{}\r\n" + b"a" * 100,
        b"2;\x00\r\n{}\r\n",
        b"f" * 101,
        b"0\r\nA: b\nC: d\r\n",
        b"0\r\n" + b"a" * 101,
    ],
)
def test_a_body_that_two_readers_may_understand_differently_is_refused(sent: bytes) -> None:
    chunks = Chunks(line_bytes_max=100, trailer_bytes_max=100)

    with pytest.raises(Exception) as caught:
        chunks.feed(bytearray(sent))

    assert status_of(caught.value).startswith("4")


def test_a_head_that_cannot_become_valid_is_refused_before_its_end() -> None:
    for start in (b"GET / HTTP/1.1\nHost: x\n", b"GET /" + b"a" * 9000):
        with pytest.raises(Exception) as caught:
            HeadReader(CFG, "").read(bytearray(start))

        assert status_of(caught.value)[0] == "4"


LINES = (
    b"GET / HTTP/1.1", b"GET /a/b?c=d&e=%20 HTTP/1.1", b"POST /a HTTP/1.1", b"GET //x?y HTTP/1.1",
    b"GET /a?b?c HTTP/1.1", b"GET http://x/y?z HTTP/1.1", b"GET /a#b HTTP/1.1", b"HEAD /a HTTP/1.0",
    b"GET /caf\xe9 HTTP/1.1", b"OPTIONS * HTTP/1.1", b"get /a HTTP/1.1", b"GET /a;b HTTP/1.1",
    b"CONNECT x:1 HTTP/1.1", b"GET /a HTTP/2.0", b"GET /" + b"a" * 5000 + b" HTTP/1.1",
    b"GET /?  HTTP/1.1",
)  # fmt: skip
SECTIONS = (
    b"", b"Cookie: a=b\r\n", b"Content-Length: 3\r\n",
    b"Connection: close\r\n", b"Transfer-Encoding: chunked\r\n", b"Expect: 100-continue\r\n",
    b"X-Forwarded-Proto: https\r\n", b"SCRIPT_NAME: /x\r\n", b"Bad Name: x\r\n", b"A: b\r\n c\r\n",
    b"Connection: upgrade, close\r\n", b"Host: y\r\n",
)  # fmt: skip
HOSTS = st.sampled_from((b"Host: x\r\n", b"host: x:80\r\n", b""))


def seen(reader: HeadReader, sent: bytes) -> object:
    """All that is made of one head, or how it was refused."""
    buffer = bytearray(sent)
    try:
        head = reader.read(buffer)
    except Exception as error:  # noqa: BLE001 (gunicorn's errors have no base of their own)
        return status_of(error)
    assert head is not None
    fields = (head.method, head.uri, head.path, head.query, head.version, head.headers, head.scheme)
    framing = (head.length, head.chunks is None, head.is_continue_expected, head.should_close())
    return fields, framing, bytes(buffer)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(LINES), st.tuples(HOSTS, st.sampled_from(SECTIONS)).map(b"".join)
        ),
        min_size=2,
        max_size=8,
    )
)
def test_a_head_reads_the_same_whatever_came_before_it(sent: list[tuple[bytes, bytes]]) -> None:
    one = HeadReader(CFG, ("127.0.0.1", 1))

    for line, section in sent:
        head = line + b"\r\n" + section + b"\r\nrest"
        fresh = seen(HeadReader(CFG, ("127.0.0.1", 1)), head)
        assert seen(one, head) == fresh


def test_a_head_of_repeated_lines_is_no_part_of_the_one_before() -> None:
    reader = HeadReader(CFG, ("127.0.0.1", 1))
    first = reader.read(bytearray(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"))
    assert first is not None
    first.headers.append(("X-HOOK", "1"))

    second = reader.read(bytearray(b"PUT /b?c HTTP/1.1\r\nHost: x\r\n\r\n"))

    assert second is not None
    assert (second.method, second.uri, second.query) == ("PUT", "/b?c", "c")
    assert (first.method, first.uri) == ("GET", "/a")
    assert second.headers == [("HOST", "x")]


@pytest.mark.parametrize(
    "host",
    [None, b"a b", b"a/b", b"a@b", b"\xff", b'a"b', b"<a>", b"a?b", b"a\\b"],
)
def test_a_host_that_is_none_is_refused(host: bytes | None) -> None:
    line = b"" if host is None else b"Host: " + host + b"\r\n"

    with pytest.raises(Exception) as caught:
        HeadReader(CFG, "").read(bytearray(b"GET /a HTTP/1.1\r\n" + line + b"\r\n"))

    assert status_of(caught.value) == "400 Bad Request"


@pytest.mark.parametrize(
    "host", [b"x", b"shop.example:8080", b"[::1]:3000", b"a_b.example", b"", b"xn--4ca.example"]
)
def test_a_host_that_can_be_is_taken(host: bytes) -> None:
    sent = b"GET /a HTTP/1.1\r\nHost: " + host + b"\r\n\r\n"

    assert HeadReader(CFG, "").read(bytearray(sent)) is not None


@pytest.mark.parametrize("sent", [b"GET Host: x\r\n\r\n", b"GET GET \r\n\r\n", b"GET / \r\n\r\n"])
def test_a_whole_head_that_is_none_is_refused_at_once(sent: bytes) -> None:
    with pytest.raises(Exception) as caught:
        HeadReader(CFG, "").read(bytearray(sent))

    assert status_of(caught.value) == "400 Bad Request"


@pytest.mark.parametrize(
    "line", [b"GET  /a HTTP/1.1", b"GET /a  HTTP/1.1", b" GET /a HTTP/1.1", b"GET /a HTTP/1.1 "]
)
def test_blanks_of_a_request_line_are_single(line: bytes) -> None:
    with pytest.raises(Exception) as caught:
        HeadReader(CFG, "").read(bytearray(line + b"\r\nHost: x\r\n\r\n"))

    assert status_of(caught.value) == "400 Bad Request"


def test_http_1_0_needs_no_host() -> None:
    assert HeadReader(CFG, "").read(bytearray(b"GET /a HTTP/1.0\r\n\r\n")) is not None


@pytest.mark.parametrize(
    ("words", "is_last"),
    [
        (b"Connection: close", True),
        (b"Connection: Upgrade, HTTP2-Settings, Close", True),
        (b"Connection: upgrade\r\nConnection: close", True),
        (b"Connection: keep-alive", False),
        (b"Connection: closed, x-close", False),
    ],
)
def test_close_is_found_among_other_words_again_and_again(words: bytes, *, is_last: bool) -> None:
    reader = HeadReader(CFG, "")

    for _ in range(2):
        head = reader.read(bytearray(b"GET /a HTTP/1.1\r\nHost: x\r\n" + words + b"\r\n\r\n"))
        assert head is not None
        assert head.should_close() is is_last
