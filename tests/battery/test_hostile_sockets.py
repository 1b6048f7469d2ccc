"""WebSockets of those who mean harm, beside one who listens: each is closed for what it did."""

from __future__ import annotations

import contextlib
import json
import random
import socket
from collections.abc import Callable, Iterator

import pytest
from websockets.sync.client import connect

from tests.battery.crew import new_seed, note
from tests.battery.test_slow_reader import FILES, JOIN, rss_mb
from tests.e2e.server import OWN, Server, workers, write_project

pytestmark = pytest.mark.slow

GROWTH_MB_MAX = 50
CLIENTS = 5
MASK = b"\0\0\0\0"
HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
CLOSE_OPCODE = 0x88


def joins(dice: random.Random) -> bytes:
    """Many joins in short frames, of ever other subscriptions."""
    sent = b""
    for number in range(2_000):
        join = {**JOIN, "subscriptionId": f"{dice.random()}-{number}"}
        data = json.dumps({"type": "join", "data": join}).encode()
        sent += b"\x81" + bytes([0x80 | 126]) + len(data).to_bytes(2, "big") + MASK + data
    return sent


# What each sends once it is let in, and the codes it may be closed with; none: it may stay.
ATTACKS: dict[str, tuple[Callable[[random.Random], bytes], set[int]]] = {
    "garbage": (lambda dice: b"\xff" + dice.randbytes(5_000), {1002}),
    "a frame of 100 MB": (lambda _: b"\x81\xff" + (10**8).to_bytes(8, "big") + MASK, {1009}),
    "fragments": (lambda _: b"\x01\x80" + MASK + (b"\x00\x80" + MASK) * 100_000, {1008, 1009}),
    "pings": (lambda _: (b"\x89\x80" + MASK) * 100_000, {1008}),
    "text that is none": (lambda _: b"\x81\x82" + MASK + b"\xc3\x28", {1007}),
    "binary": (lambda _: b"\x82\x81" + MASK + b"x", {1003}),
    "unmasked": (lambda _: b"\x81\x02hi", {1002}),
    "joins": (joins, set()),
}


@pytest.fixture(scope="module", params=[OWN, "gthread"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    project = write_project(tmp_path_factory.mktemp("sockets") / "project", FILES)
    with Server(project, options=workers(request.param, 1)) as server:
        yield server
        server.stop_cleanly()


def closed_with(client: socket.socket) -> int:
    """The code of the close frame that comes, 0 where the connection ends without one."""
    received, code = bytearray(), 0
    with contextlib.suppress(ConnectionError):
        while not (code := close_in(received)) and (data := client.recv(1 << 20)):
            received += data
    return code


def close_in(received: bytes | bytearray) -> int:
    """The code of the close frame behind an answered handshake, 0 where there is none yet."""
    at = received.find(b"\r\n\r\n") + 4
    while 4 <= at <= len(received) - 4:
        size, begin = received[at + 1] & 127, at + 2
        if size >= 126:
            wide = 2 if size == 126 else 8
            size, begin = int.from_bytes(received[begin : begin + wide], "big"), begin + wide
        if received[at] == CLOSE_OPCODE:
            return int.from_bytes(received[begin : begin + 2], "big")
        at = begin + size
    return 0


def attack(port: int, sent: bytes, *, is_closed: bool) -> int:
    """Send it over a socket of its own; answers the code it was closed with."""
    with socket.create_connection(("127.0.0.1", port), 20.0) as client:
        # Whoever is closed in the midst of sending has the answer waiting all the same.
        with contextlib.suppress(ConnectionError):
            client.sendall(HANDSHAKE)
            client.sendall(sent)
        return closed_with(client) if is_closed else 0


@pytest.mark.parametrize("what", ATTACKS)
def test_an_attack_over_a_socket_ends_that_socket_and_harms_nobody(
    server: Server, what: str
) -> None:
    dice = random.Random(26)
    make, codes = ATTACKS[what]
    [pid] = server.workers()
    with connect(f"ws://127.0.0.1:{server.port}/") as honest:
        honest.send(json.dumps({"type": "join", "data": JOIN}))
        honest.recv(timeout=10)
        before_mb = rss_mb(pid)

        got = {attack(server.port, make(dice), is_closed=bool(codes)) for _ in range(CLIENTS)}

        assert server.post("/push", {"bytes": 10}).status == 200
        assert json.loads(honest.recv(timeout=10))["event"]["type"] == "event"
        grown_mb = rss_mb(pid) - before_mb
    note(f"{what}: closed with {sorted(got)}, {grown_mb:.1f} MB more")
    # A kernel that resets the connection may take the close frame with it.
    assert got - {0} <= codes
    assert not codes or got & codes
    assert grown_mb < GROWTH_MB_MAX
    assert server.workers() == [pid]


def test_handshakes_of_garbage_are_no_fault_of_the_server(server: Server) -> None:
    shake_hands(server, 100, seed=22)


@pytest.mark.stress
@pytest.mark.timeout(300)
def test_so_it_is_for_thousands_of_handshakes(server: Server) -> None:
    shake_hands(server, 5_000, seed=new_seed())


def shake_hands(server: Server, count: int, *, seed: int) -> None:
    """Begin so many sockets with three bytes changed."""
    dice = random.Random(seed)
    for _ in range(count):
        sent = bytearray(HANDSHAKE)
        for _ in range(3):
            sent[dice.randrange(len(sent))] = dice.randrange(256)
        with socket.create_connection(("127.0.0.1", server.port), 20.0) as client:
            client.sendall(bytes(sent))
            client.shutdown(socket.SHUT_WR)
            with contextlib.suppress(ConnectionError):
                assert not client.recv(100).startswith(b"HTTP/1.1 5"), bytes(sent)
    assert server.get("/readyz").status == 200
