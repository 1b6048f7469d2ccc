"""One WebSocket against whatever a client may send: the cases that protocol suites try."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Close, Frame, Opcode

from motia_actors.web.sockets import (
    DEFLATED_BYTES_MIN,
    FRAGMENTS_MAX,
    FRAMES_AT_ONCE_MAX,
    SocketLimits,
    WebSocket,
    deflated_frame,
    handshake,
    is_upgrade,
    text_frame,
)

MESSAGE_BYTES_MAX = 64 * 1024
QUEUE_BYTES_MAX = 1000


class Wire(asyncio.Transport):
    """What a socket writes to."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self.is_closed = self.is_aborted = False
        self.is_read = True

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.sent += data

    def close(self) -> None:
        self.is_closed = True

    def abort(self) -> None:
        self.is_aborted = True

    def pause_reading(self) -> None:
        self.is_read = False

    def resume_reading(self) -> None:
        self.is_read = True


class Timers:
    """A loop whose time stands."""

    def call_later(self, after_s: float, call: Callable[..., object]) -> Any:
        return asyncio.TimerHandle(after_s, call, (), cast("Any", self))

    def get_debug(self) -> bool:
        return False

    def _timer_handle_cancelled(self, handle: object) -> None:
        """Nobody waits for it."""


class Socket:
    """A socket under test and what its listener heard."""

    def __init__(self, *, is_deflating: bool = False) -> None:
        self.wire = Wire()
        self.heard: list[str] = []
        self.closed_count = 0
        extensions = [PerMessageDeflate(True, True, 15, 15)] if is_deflating else []
        self.socket = WebSocket(
            lambda _socket: self,
            cast("asyncio.AbstractEventLoop", Timers()),
            SocketLimits(message_bytes_max=MESSAGE_BYTES_MAX, queue_bytes_max=QUEUE_BYTES_MAX),
            extensions=extensions,
        )
        self.socket.connection_made(self.wire)

    def on_message(self, text: str) -> None:
        self.heard.append(text)

    def on_close(self) -> None:
        self.closed_count += 1

    def give(self, *frames: Frame | bytes) -> None:
        for frame in frames:
            self.socket.data_received(frame if isinstance(frame, bytes) else wired(frame))

    @property
    def has_reader(self) -> bool:
        """The client is read."""
        return self.wire.is_read

    @property
    def frames(self) -> list[Frame]:
        """What the client got."""
        return list(parsed(self.wire.sent))

    @property
    def close_code(self) -> int | None:
        """With what code the socket was closed, None where it is open."""
        closes = [frame for frame in self.frames if frame.opcode is Opcode.CLOSE]
        return Close.parse(bytes(closes[0].data)).code if closes else None


def wired(frame: Frame) -> bytes:
    """A client's frame as it is sent, with whatever reserved bits it has."""
    data = bytearray(Frame(frame.opcode, frame.data, frame.fin).serialize(mask=True))
    data[0] |= frame.rsv1 << 6 | frame.rsv2 << 5
    return bytes(data)


def parsed(data: bytes) -> Iterator[Frame]:
    """The frames of a server, which masks nothing."""
    while data:
        size, head = data[1], 2
        if size == 126:
            size, head = int.from_bytes(data[2:4], "big"), 4
        elif size == 127:
            size, head = int.from_bytes(data[2:10], "big"), 10
        body, rsv1 = data[head : head + size], bool(data[0] & 0x40)
        yield Frame(Opcode(data[0] & 0x0F), body, bool(data[0] & 0x80), rsv1)
        data = data[head + size :]


def text(data: bytes, *, fin: bool = True, rsv1: bool = False) -> Frame:
    return Frame(Opcode.TEXT, data, fin, rsv1)


def more(data: bytes, *, fin: bool = False) -> Frame:
    return Frame(Opcode.CONT, data, fin)


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 128, 65_535, 65_536])
def test_messages_of_any_size_up_to_the_limit_are_heard(size: int) -> None:
    socket = Socket()

    socket.give(text(b"x" * size))

    assert socket.heard == ["x" * size]
    assert socket.close_code is None


def test_a_message_that_comes_byte_by_byte_is_heard_once() -> None:
    socket = Socket()

    for byte in wired(text("größe 🙂".encode())):
        socket.give(bytes([byte]))

    assert socket.heard == ["größe 🙂"]


def test_fragments_make_one_message_with_pings_between_them_answered() -> None:
    socket = Socket()
    smile = "🙂".encode()

    socket.give(text(smile[:2], fin=False), Frame(Opcode.PING, b"?"), more(smile[2:]), more(b"!"))
    socket.give(more(b"", fin=True), text(b"next"))

    assert socket.heard == ["🙂!", "next"]
    assert [(frame.opcode, frame.data) for frame in socket.frames] == [(Opcode.PONG, b"?")]


def test_a_pong_nobody_asked_for_is_passed_over() -> None:
    socket = Socket()

    socket.give(Frame(Opcode.PONG, b"?"), text(b"next"))

    assert (socket.heard, socket.wire.sent) == (["next"], b"")


WRONG: dict[str, tuple[list[Frame | bytes], int]] = {
    "an unmasked frame": ([b"\x81\x02hi"], 1002),
    "a reserved bit": ([Frame(Opcode.TEXT, b"x", rsv2=True)], 1002),
    "deflated without having said so": ([text(b"x", rsv1=True)], 1002),
    "a reserved opcode": ([b"\x83\x80\x00\x00\x00\x00"], 1002),
    "a reserved control opcode": ([b"\x8b\x80\x00\x00\x00\x00"], 1002),
    "a continuation of nothing": ([more(b"x", fin=True)], 1002),
    "a message within a message": ([text(b"a", fin=False), text(b"b")], 1002),
    "a ping of over 125 bytes": ([b"\x89\xfe\x00\x7e" + b"\x00" * 130], 1002),
    "a ping in fragments": ([b"\x09\x80\x00\x00\x00\x00"], 1002),
    "text that is not UTF-8": ([text(b"\xc3\x28")], 1007),
    "text that breaks off within a character": ([text(b"\xe2\x82")], 1007),
    "a lone surrogate": ([text(b"\xed\xa0\x80")], 1007),
    "a binary message": ([Frame(Opcode.BINARY, b"x")], 1003),
    "a binary message in fragments": ([Frame(Opcode.BINARY, b"x", False)], 1003),
    "the head of a frame of 100 MB": ([b"\x81\xff" + (10**8).to_bytes(8, "big") + b"mask"], 1009),
    "a length with its highest bit set": ([b"\x81\xff\xff" + b"\x00" * 7 + b"mask"], 1009),
    "fragments over the limit together": (
        [text(b"x" * 60_000, fin=False), more(b"x" * 60_000)],
        1009,
    ),
    "empty fragments without end": (
        [text(b"", fin=False), *[more(b"")] * (FRAGMENTS_MAX + 10)],
        1009,
    ),
    "a close of one byte": ([Frame(Opcode.CLOSE, b"\x03")], 1002),
    "a close with a code that is never sent": ([Frame(Opcode.CLOSE, b"\x03\xed")], 1002),
    "a close with a code of nobody": ([Frame(Opcode.CLOSE, b"\x00\x05")], 1002),
    "a close whose reason is not UTF-8": ([Frame(Opcode.CLOSE, b"\x03\xe8\xff")], 1007),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_breaks_the_protocol_closes_the_socket_with_its_code(what: str) -> None:
    frames, code = WRONG[what]
    socket = Socket()

    socket.give(*frames, text(b"later"))

    assert socket.close_code == code
    assert socket.heard == []


@pytest.mark.parametrize("code", [1000, 1001, 1003, 1011, 3000, 4999])
def test_a_close_is_answered_with_its_code_and_the_end(code: int) -> None:
    socket = Socket()

    socket.give(Frame(Opcode.CLOSE, Close(code, "bye").serialize()), text(b"later"))

    assert socket.close_code == code
    assert socket.wire.is_closed
    assert socket.heard == []


def test_a_client_that_is_gone_is_told_of_once() -> None:
    socket = Socket()

    socket.socket.eof_received()
    socket.socket.connection_lost(None)
    socket.socket.connection_lost(None)

    assert socket.closed_count == 1
    assert not socket.socket.is_open


def inflated(frame: Frame) -> bytes:
    return zlib.decompressobj(wbits=-15).decompress(bytes(frame.data) + b"\x00\x00\xff\xff")


def deflated(data: bytes) -> bytes:
    deflate = zlib.compressobj(wbits=-15)
    return (deflate.compress(data) + deflate.flush(zlib.Z_SYNC_FLUSH))[:-4]


def test_deflated_messages_are_heard_whole_or_in_fragments_each_for_itself() -> None:
    socket = Socket(is_deflating=True)
    data = deflated(b"hello " * 100)

    socket.give(text(data, rsv1=True), text(data[:5], fin=False, rsv1=True))
    socket.give(more(data[5:], fin=True), text(b"plain"))

    assert socket.heard == ["hello " * 100, "hello " * 100, "plain"]


@pytest.mark.parametrize(
    ("data", "code"),
    [(deflated(b"x" * 10_000_000), 1009), (b"\xff\xff\xff", 1002)],
    ids=["that grows past the limit", "that cannot be read"],
)
def test_a_deflated_message_is_bounded_and_checked_too(data: bytes, code: int) -> None:
    socket = Socket(is_deflating=True)

    socket.give(text(data, rsv1=True))

    assert socket.close_code == code
    assert socket.heard == []


def test_what_is_sent_is_deflated_where_that_is_worth_it() -> None:
    large, small = b'{"a":1}' * 1000, b"{}"

    [whole], [plain] = parsed(deflated_frame(large)), parsed(deflated_frame(small))

    assert whole.rsv1
    assert inflated(whole) == large
    assert len(whole.data) < len(large) // 10
    assert not plain.rsv1
    assert plain.data == small
    assert len(small) < DEFLATED_BYTES_MIN


def upgrade(**headers: str) -> dict[str, str]:
    return {
        "HTTP_UPGRADE": "websocket",
        "HTTP_CONNECTION": "Upgrade",
        "HTTP_SEC_WEBSOCKET_KEY": "dGhlIHNhbXBsZSBub25jZQ==",
        "HTTP_SEC_WEBSOCKET_VERSION": "13",
        **headers,
    }


def test_a_handshake_is_answered_as_the_standard_has_it() -> None:
    answer = handshake(upgrade())

    assert answer.is_accepted
    assert ("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") in answer.headers
    assert answer.extensions == []


def test_deflating_is_agreed_on_without_memory_between_messages() -> None:
    offer = "permessage-deflate; client_max_window_bits"

    answer = handshake(upgrade(HTTP_SEC_WEBSOCKET_EXTENSIONS=offer))

    agreed = dict(answer.headers)["Sec-WebSocket-Extensions"]
    assert "server_no_context_takeover" in agreed
    assert "client_no_context_takeover" in agreed
    [extension] = answer.extensions
    assert extension.name == "permessage-deflate"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"HTTP_SEC_WEBSOCKET_VERSION": "12"}, "400"),
        ({"HTTP_SEC_WEBSOCKET_KEY": "short"}, "400"),
        ({"HTTP_CONNECTION": "keep-alive"}, "426"),
    ],
)
def test_a_handshake_that_is_wrong_is_refused(headers: dict[str, str], status: str) -> None:
    answer = handshake(upgrade(**headers))

    assert not answer.is_accepted
    assert answer.status.startswith(status)


def test_a_slow_reader_gets_the_newest_of_each_and_all_the_rest() -> None:
    socket = Socket()
    socket.socket.send(text_frame(b"at once"))
    socket.socket.pause_writing()

    for number in range(50):
        socket.socket.send(text_frame(b"item %d" % number), key="item")
    socket.socket.send(text_frame(b"event"))
    assert not socket.has_reader, "whoever does not read is not read either"
    socket.socket.resume_writing()

    assert [frame.data for frame in socket.frames] == [b"at once", b"item 49", b"event"]
    assert socket.has_reader


@pytest.mark.parametrize(
    "frame",
    [text(b""), Frame(Opcode.PING, b""), Frame(Opcode.PONG, b"")],
    ids=lambda f: f.opcode.name,
)
def test_a_flood_of_frames_is_read_no_further_and_closed(frame: Frame) -> None:
    socket = Socket()

    socket.give(wired(frame) * FRAMES_AT_ONCE_MAX)
    before = socket.close_code
    socket.give(wired(frame) * 100 * FRAMES_AT_ONCE_MAX)

    assert (before, socket.close_code) == (None, 1008)
    assert not socket.has_reader
    assert len(socket.heard) <= 2 * FRAMES_AT_ONCE_MAX
    socket.socket.pause_writing()
    socket.socket.resume_writing()
    assert not socket.has_reader


@pytest.mark.parametrize(
    ("more_of_it", "is_one"),
    [
        ({}, True),
        ({"HTTP_UPGRADE": "WebSocket"}, True),
        ({"HTTP_UPGRADE": "h2c"}, False),
        ({"REQUEST_METHOD": "POST"}, False),
        ({"SERVER_PROTOCOL": "HTTP/1.0"}, False),
    ],
)
def test_an_upgrade_is_a_get_of_http_1_1(more_of_it: dict[str, str], is_one: bool) -> None:
    asked = {"REQUEST_METHOD": "GET", "SERVER_PROTOCOL": "HTTP/1.1", **upgrade(), **more_of_it}

    assert is_upgrade(asked) is is_one


def test_a_reader_that_is_too_slow_is_closed_with_1013() -> None:
    socket = Socket()
    socket.socket.pause_writing()

    for _ in range(QUEUE_BYTES_MAX // 10):
        socket.socket.send(text_frame(b"x" * 20))

    assert socket.close_code == 1013
    assert len(socket.wire.sent) < 100
