"""WebSockets and event streams under every kind of worker, plain and TLS, on one port."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.frames import Frame, Opcode
from websockets.sync.client import ClientConnection, connect

from tests.e2e.server import OWN, Server, make_certificate, workers, write_project
from tests.e2e.test_live import FILES

pytestmark = pytest.mark.slow

ANSWER_S_MAX = 10.0
UPGRADE = (
    b"GET /any/path HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
KINDS = ("sync", "gthread", "gevent", OWN)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for localhost that nobody but this test trusts, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    return make_certificate(folder)


class Site:
    """A served project, over TLS or not."""

    def __init__(self, server: Server, cert: Path | None) -> None:
        self.server = server
        self.trust = None if cert is None else ssl.create_default_context(cafile=str(cert))
        self._calm = None if cert is None else ssl.create_default_context(cafile=str(cert))
        if self._calm is not None:
            # `websockets` reads on one thread and writes on another, which OpenSSL does not bear
            # while the tickets of TLS 1.3 arrive: one connect in 600 is lost. `raw` has 1.3.
            self._calm.maximum_version = ssl.TLSVersion.TLSv1_2

    def connect(self, path: str = "/any/path", **more: Any) -> ClientConnection:
        scheme = "ws" if self.trust is None else "wss"
        address = f"{scheme}://127.0.0.1:{self.server.port}{path}"
        client: ClientConnection = connect(address, ssl=self._calm, **more)
        return client

    def raw(self) -> socket.socket:
        sock = socket.create_connection(("127.0.0.1", self.server.port), ANSWER_S_MAX)
        if self.trust is None:
            return sock
        return self.trust.wrap_socket(sock, server_hostname="localhost")

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, bytes]:
        with self.server.client() as client:
            answer = client.ask(method, path, body, headers=headers)
        return answer.status, answer.body


@pytest.fixture(params=[(kind, is_tls) for kind in KINDS for is_tls in (False, True)], ids=str)
def site(
    request: pytest.FixtureRequest, tmp_path: Path, certificate: tuple[Path, Path]
) -> Iterator[Site]:
    kind, is_tls = request.param
    cert, key = certificate
    tls = ("--certfile", str(cert), "--keyfile", str(key)) if is_tls else ()
    trust = ssl.create_default_context(cafile=str(cert)) if is_tls else None
    project = write_project(tmp_path / "live", FILES)
    server = Server(project, options=(*workers(kind, 1), *tls), trust=trust)
    with server:
        yield Site(server, cert if is_tls else None)


def join(client: ClientConnection) -> None:
    data = {"streamName": "items", "groupId": "room", "subscriptionId": "s"}
    client.send(json.dumps({"type": "join", "data": data}))


def heard(client: ClientConnection) -> Any:
    return json.loads(client.recv(timeout=ANSWER_S_MAX))["event"]


class Events:
    """An event stream as a browser reads it."""

    def __init__(self, sock: socket.socket, path: str, **headers: str) -> None:
        lines = [f"GET {path} HTTP/1.1", "Host: localhost", "Accept: text/event-stream"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        sock.sendall("\r\n".join([*lines, "", ""]).encode())
        self._file = sock.makefile("rb")
        head = []
        while line := self._file.readline().strip():
            head.append(line.decode())
        self.status = int(head[0].split()[1])
        self.headers = dict(line.lower().split(": ", 1) for line in head[1:])

    def next(self) -> tuple[int, Any]:
        """The next event: its id, and what happened."""
        event_id = -1
        while True:
            line = self._file.readline().decode().rstrip("\n")
            if line.startswith("id: "):
                event_id = int(line[4:])
            elif line.startswith("data: "):
                return event_id, json.loads(line[6:])["event"]


def test_a_socket_on_any_path_hears_changes_beside_requests_on_the_same_port(site: Site) -> None:
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(site.connect()) for _ in range(5)]
        for client in clients:
            join(client)
            assert heard(client) == {"type": "sync", "data": []}

        assert site.ask("POST", "/set", {"id": "a", "count": 3})[0] == 200

        for client in clients:
            assert [heard(client)["data"]["n"] for _ in range(3)] == [0, 1, 2]
    # What the worker still believed to hold of them did it no harm.
    assert [site.ask("GET", "/healthz")[0] for _ in range(3)] == [200] * 3
    site.server.stop_cleanly()
    assert '"level":"error"' not in site.server.log()
    assert "[ERROR]" not in site.server.log()


def masked(opcode: Opcode, data: bytes) -> bytes:
    return Frame(opcode, data).serialize(mask=True)


@pytest.mark.parametrize("is_at_once", [True, False])
def test_a_first_message_is_heard_also_where_it_comes_with_the_handshake(
    site: Site, is_at_once: bool
) -> None:
    data = {"streamName": "items", "groupId": "room", "subscriptionId": "s"}
    first = masked(Opcode.TEXT, json.dumps({"type": "join", "data": data}).encode())
    for _ in range(20):
        with site.raw() as sock:
            sock.sendall(UPGRADE + (first if is_at_once else b""))
            if not is_at_once:
                sock.sendall(first)
            received = b""
            while not received.endswith(b'"event":{"type":"sync","data":[]}}'):
                piece = sock.recv(4096)
                assert piece, received
                received += piece
            assert received.startswith(b"HTTP/1.1 101 ")
            sock.sendall(masked(Opcode.CLOSE, b"\x03\xe8"))
            assert sock.recv(4096).endswith(b"\x88\x02\x03\xe8")
    site.server.stop_cleanly()
    assert "[ERROR]" not in site.server.log()


def test_large_messages_go_out_deflated_or_not_and_come_back_whole(site: Site) -> None:
    text = "x" * 50_000
    with site.connect() as deflating, site.connect(compression=None) as plain:
        for client in (deflating, plain):
            join(client)
            heard(client)
        assert site.ask("POST", "/put", {"text": text})[0] == 200

        assert heard(deflating)["data"]["text"] == heard(plain)["data"]["text"] == text
        deflating.send(json.dumps({"type": "ping", "timestamp": 1, "pad": "y" * 5_000}))
        assert json.loads(deflating.recv(timeout=ANSWER_S_MAX)) == {"type": "pong", "timestamp": 1}


def test_events_are_heard_over_http_and_go_on_where_they_were(site: Site) -> None:
    path = "/__motia/streams/items/room"
    with site.raw() as sock:
        events = Events(sock, path)
        assert (events.status, events.headers["content-type"]) == (
            200,
            "text/event-stream; charset=utf-8",
        )
        assert events.next()[1] == {"type": "sync", "data": []}
        site.ask("POST", "/set", {"id": "a", "count": 2})
        created, updated = events.next(), events.next()
    site.ask("POST", "/set", {"id": "a", "count": 1})
    site.ask("POST", "/set", {"id": "b", "count": 1})

    with site.raw() as sock:
        events = Events(sock, path, Last_Event_ID=str(created[0]))
        missed = [events.next() for _ in range(3)]
    with site.raw() as sock:
        one = Events(sock, f"{path}/b").next()

    assert (created[1]["type"], updated[1]["type"]) == ("create", "update")
    assert missed[0] == updated
    assert [event["data"]["id"] for _, event in missed] == ["a", "a", "b"]
    assert one[1] == {"type": "sync", "data": {"n": 0, "id": "b"}}
    assert [site.ask("GET", "/healthz")[0] for _ in range(3)] == [200] * 3
    site.server.stop_cleanly()
    assert "[ERROR]" not in site.server.log()


def test_events_of_what_is_not_there_or_not_allowed_are_refused(site: Site) -> None:
    accept = {"Accept": "text/event-stream"}

    assert site.ask("GET", "/__motia/streams/none/room", **accept)[0] == 404
    assert site.ask("GET", "/__motia/streams/secret/closed", **accept)[0] == 403
    with site.raw() as sock:
        assert Events(sock, "/__motia/streams/secret/open").status == 200
