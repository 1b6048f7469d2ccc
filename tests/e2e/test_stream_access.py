"""Who may listen: `streamAuth` in Python and TypeScript, `canAccess`, origins, tokens that end."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.e2e.server import OWN, Server, workers, write_project

pytestmark = pytest.mark.slow

PYTHON = """
def authenticate(request):
    if request.token is None:
        return None
    name, _, until = request["token"].partition("@")
    if name not in ("ada", "bob"):
        raise PermissionError("unknown " + name)
    return {"name": name, **({"exp": float(until)} if until else {})}

config = {"streamAuth": {"authenticate": authenticate}, "plugins": []}
"""
PYTHON_STREAM = """
config = {
    "name": "letters",
    "schema": {"type": "object"},
    "baseConfig": {"storageType": "default"},
    "canAccess": lambda subscription, auth: auth and auth["name"] == subscription["groupId"],
}
"""
TYPESCRIPT = """
import { config } from 'motia'

export default config({
  plugins: [],
  streamAuth: {
    contextSchema: { type: 'object', properties: { name: { type: 'string' } } },
    authenticate: async ({ headers, url }: { headers: Record<string, string>; url?: string }) => {
      const offered = headers['sec-websocket-protocol']?.split(',')[1]?.trim()
      const bearer = headers['authorization']?.replace('Bearer ', '')
      const token = offered ?? bearer ?? new URL(url ?? '/', 'http://x').searchParams.get('authToken')
      if (!token) return null
      const [name, until] = token.split('@')
      if (!['ada', 'bob'].includes(name)) throw new Error(`unknown ${name}`)
      return { name, ...(until ? { exp: Number(until) } : {}) }
    },
  },
})
"""
TYPESCRIPT_STREAM = """
import { StreamConfig } from 'motia'

export const config: StreamConfig = {
  name: 'letters',
  schema: { type: 'object' },
  baseConfig: { storageType: 'default' },
  canAccess: (subscription, auth) => auth?.name === subscription.groupId,
}
"""
DENIED = {"code": "STREAM_ACCESS_DENIED", "message": "Access denied"}
PROJECTS = {
    "python": {"motia_config.py": PYTHON, "steps/letters_stream.py": PYTHON_STREAM},
    "typescript": {
        "motia.config.ts": TYPESCRIPT,
        "steps/letters.stream.ts": TYPESCRIPT_STREAM,
    },
}


@pytest.fixture(scope="module", params=list(PROJECTS))
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    project = write_project(tmp_path_factory.mktemp("access") / "p", PROJECTS[request.param])
    env = {"MOTIA_CORS": "https://shop.example"}
    with Server(project, options=workers(OWN, 1), env=env) as running:
        yield running


def join(socket: ClientConnection, group: str) -> Any:
    data = {"streamName": "letters", "groupId": group, "subscriptionId": group}
    socket.send(json.dumps({"type": "join", "data": data}))
    return heard(socket)


def heard(socket: ClientConnection) -> Any:
    return json.loads(socket.recv(timeout=10))["event"]


@pytest.mark.parametrize("place", ["protocol", "header", "query"])
def test_a_token_is_found_wherever_a_client_can_put_it(server: Server, place: str) -> None:
    address = f"ws://127.0.0.1:{server.port}/"
    options: dict[str, Any] = {}
    match place:
        case "protocol":
            options["subprotocols"] = [Subprotocol("Authorization"), Subprotocol("ada")]
        case "header":
            options["additional_headers"] = {"Authorization": "Bearer ada"}
        case "query":
            address += "?authToken=ada"
    with connect(address, **options) as socket:
        assert socket.subprotocol == ("Authorization" if place == "protocol" else None)
        assert join(socket, "ada") == {"type": "sync", "data": []}
        assert join(socket, "bob")["event"]["data"] == DENIED


def test_who_has_no_token_connects_and_joins_nothing_guarded(server: Server) -> None:
    with connect(f"ws://127.0.0.1:{server.port}/") as socket:
        assert join(socket, "ada")["event"]["data"] == DENIED


def test_a_token_that_authenticate_refuses_is_a_401_that_tells_nothing(server: Server) -> None:
    with pytest.raises(InvalidStatus) as refused:
        connect(f"ws://127.0.0.1:{server.port}/?authToken=eve")
    assert refused.value.response.status_code == 401
    assert refused.value.response.body == b"Authentication failed\n"


def test_pages_of_other_origins_are_refused(server: Server) -> None:
    address = f"ws://127.0.0.1:{server.port}/"
    with pytest.raises(InvalidStatus) as refused:
        connect(address, additional_headers={"Origin": "https://evil.example"})
    assert refused.value.response.status_code == 403
    for origin in ("https://shop.example", f"http://127.0.0.1:{server.port}"):
        with connect(address, additional_headers={"Origin": origin}) as socket:
            assert join(socket, "ada")["event"]["data"] == DENIED


def test_a_socket_is_closed_when_its_token_has_ended(server: Server) -> None:
    until_s = time.time() + 2
    with connect(f"ws://127.0.0.1:{server.port}/?authToken=ada@{until_s}") as socket:
        assert join(socket, "ada") == {"type": "sync", "data": []}
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=10)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1008
        assert time.time() >= until_s - 0.05


def test_a_configuration_that_does_not_load_lets_nobody_in(tmp_path: Path) -> None:
    files = {"motia_config.py": "config = nothing\n", "steps/letters_stream.py": PYTHON_STREAM}
    project = write_project(tmp_path / "p", files)
    with Server(project, options=workers(OWN, 1)) as server:
        with pytest.raises(InvalidStatus) as refused:
            connect(f"ws://127.0.0.1:{server.port}/")
        assert refused.value.response.status_code == 503
        assert "motia_config.py:1" in server.log()
