"""What comes at a listening socket."""

from __future__ import annotations

import contextlib
import errno
import logging
import socket
import ssl
from collections.abc import Callable
from typing import Any, cast

import pytest

from motia_actors.web.acceptor import ACCEPT_MAX, HANDSHAKE_S_MAX, REST_S, SHARE_S, Acceptor
from motia_actors.web.poller import Poller


class Line:
    """A poller driven by hand: whom it would call, and when."""

    def __init__(self) -> None:
        self.readers: dict[int, Callable[[], object]] = {}
        self.timers: list[tuple[float, Callable[[], object]]] = []

    def add_reader(self, fd: int, call: Callable[[], object]) -> None:
        self.readers[fd] = call

    def remove_reader(self, fd: int) -> None:
        self.readers.pop(fd, None)

    def remove_writer(self, _fd: int) -> None: ...

    def call_later(self, after_s: float, call: Callable[[], object]) -> Any:
        self.timers.append((after_s, call))
        return self

    def cancel(self) -> None:
        """As the timers of a poller."""


class Queue:
    """A listening socket at which so many wait, or none can be had."""

    def __init__(self, waiting: int, error: OSError | None = None) -> None:
        self.waiting, self.error = waiting, error

    def setblocking(self, _flag: object) -> None: ...

    def fileno(self) -> int:
        return 7

    def close(self) -> None: ...

    def accept(self) -> tuple[socket.socket, object]:
        if self.error is not None:
            raise self.error
        if not self.waiting:
            raise BlockingIOError
        self.waiting -= 1
        ours, theirs = socket.socketpair()
        theirs.close()
        return ours, None


def accepting(
    queue: object, *, is_shared: bool = False, context: ssl.SSLContext | None = None
) -> tuple[Line, list[socket.socket], Acceptor]:
    line, served = Line(), list[socket.socket]()
    acceptor = Acceptor(
        cast("Poller", line),
        cast("socket.socket", queue),
        served.append,
        context=context,
        is_shared=is_shared,
    )
    return line, served, acceptor


def close(served: list[socket.socket]) -> None:
    for sock in served:
        sock.close()


def test_all_that_wait_are_taken_in_turns_of_a_limited_size() -> None:
    line, served, _ = accepting(Queue(ACCEPT_MAX + 3))

    line.readers[7]()
    assert len(served) == ACCEPT_MAX
    line.readers[7]()

    assert len(served) == ACCEPT_MAX + 3
    close(served)


def test_a_worker_among_others_takes_one_then_leaves_the_rest_for_a_moment() -> None:
    line, served, _ = accepting(Queue(100), is_shared=True)

    counts = []
    for _ in range(4):
        line.readers[7]()
        counts.append(len(served))
        assert 7 not in line.readers
        (after_s, resume) = line.timers.pop()
        assert after_s == SHARE_S
        resume()

    # Nobody else took them: twice as many each time.
    assert counts == [1, 3, 7, 15]
    close(served)


def test_without_room_it_rests_says_so_and_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    queue = Queue(1, OSError(errno.EMFILE, "Too many open files"))
    line, served, _ = accepting(queue)

    with caplog.at_level(logging.WARNING):
        line.readers[7]()
    assert "Too many open files" in caplog.text
    assert 7 not in line.readers
    queue.error = None
    (after_s, resume) = line.timers.pop()
    resume()
    line.readers[7]()

    assert after_s == REST_S
    assert len(served) == 1
    close(served)


def test_once_closed_it_takes_no_more_though_it_rested() -> None:
    line, _, acceptor = accepting(Queue(1, OSError(errno.EMFILE, "Too many open files")))
    line.readers[7]()

    acceptor.close()
    line.timers.pop()[1]()

    assert not line.readers


def test_a_client_that_never_shakes_hands_is_cut_and_one_that_speaks_no_tls() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    line, served, _ = accepting(listener, context=context)
    silent, rude = (socket.create_connection(listener.getsockname()) for _ in range(2))

    line.readers[listener.fileno()]()
    handshakes = {fd: call for fd, call in line.readers.items() if fd != listener.fileno()}
    assert len(handshakes) == 2
    assert [after_s for after_s, _ in line.timers] == [HANDSHAKE_S_MAX] * 2
    line.timers[0][1]()
    rude.sendall(b"GET / HTTP/1.1\r\n\r\n")
    list(handshakes.values())[1]()

    assert silent.recv(10) == b""
    with contextlib.suppress(ConnectionResetError):
        assert rude.recv(10)[:1] in (b"", b"\x15")  # Nothing, or TLS's word for it: an alert.
    assert list(line.readers) == [listener.fileno()]
    assert not served
    for sock in (silent, rude, listener):
        sock.close()


def test_of_too_many_that_never_shake_hands_the_oldest_makes_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("motia_actors.web.acceptor.HANDSHAKES_MAX", 2)
    listener = socket.create_server(("127.0.0.1", 0))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    line, served, acceptor = accepting(listener, context=context)
    clients = [socket.create_connection(listener.getsockname()) for _ in range(3)]

    line.readers[listener.fileno()]()

    clients[0].settimeout(5.0)
    assert clients[0].recv(10) == b""
    assert len(line.readers) == 1 + 2
    for client in clients[1:]:
        client.setblocking(False)
        with pytest.raises(BlockingIOError):
            client.recv(10)
    acceptor.close()
    assert not served
    for client in clients:
        client.close()
