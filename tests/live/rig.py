"""A hub on a loop that the test runs, and sockets whose wires are lists."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, cast

import msgspec
from websockets.frames import Close, Opcode

from motia_actors.access import AuthRequest, Doorkeeper, Pass
from motia_actors.clock import Clock, SystemClock
from motia_actors.live.client import Client
from motia_actors.live.hub import Live
from motia_actors.live.limits import LiveLimits
from motia_actors.promise import Promise
from motia_actors.steps.catalog import Catalog
from motia_actors.steps.config import Stream
from motia_actors.store import Store, StreamSet
from motia_actors.stores.memory import MemoryStore
from motia_actors.web.loop import LoopThread
from motia_actors.web.sockets import SocketLimits, WebSocket
from tests.web.test_sockets import Wire, parsed, text, wired


class Rig:
    """A hub over a store; use it inside `asyncio.run`."""

    def __init__(
        self,
        store: Store | None = None,
        *,
        clock: Clock | None = None,
        limits: LiveLimits | None = None,
        can_access: Callable[..., Any] | None = None,
        authenticate: Callable[..., Any] | None = None,
    ) -> None:
        clock = clock or SystemClock()
        self.store = store or MemoryStore(clock)
        self.store.open()
        stream = Stream(
            id="steps/items_stream.py",
            name="items",
            schema=None,
            has_can_access=can_access is not None,
        )
        handlers = {} if can_access is None else {stream.id: can_access}
        catalog = Catalog(root=cast("Any", None), streams=(stream,), handlers=handlers)
        door = Doorkeeper(_at_once, authenticate=authenticate)
        thread = LoopThread(asyncio.get_running_loop())
        self.live = Live(self.store, clock, lambda: catalog, door, limits=limits, thread=thread)

    def client(self, admitted: Pass | None = None) -> Socket:
        return Socket(self, admitted or Pass())

    def set(self, item_id: str, group: str = "room", **fields: object) -> None:
        data = msgspec.json.encode({**fields, "id": item_id})
        self.store.write(StreamSet(stream="items", group=group, item_id=item_id, data=data))


class Socket:
    """One client's end."""

    def __init__(self, rig: Rig, admitted: Pass) -> None:
        self.wire = Wire()

        def listen(socket: WebSocket) -> Client:
            client = Client(rig.live, socket, AuthRequest(), admitted)
            rig.live.entered(client)
            return client

        self.socket = WebSocket(listen, rig.live.thread.loop, SocketLimits())
        self.socket.connection_made(self.wire)

    def say(self, message: object) -> None:
        data = message if isinstance(message, bytes) else json.dumps(message).encode()
        self.socket.data_received(wired(text(data)))

    def join(self, group: str = "room", subscription: str = "s", **more: object) -> None:
        data = {"streamName": "items", "groupId": group, "subscriptionId": subscription, **more}
        self.say({"type": "join", "data": data})

    def leave(self, subscription: str = "s") -> None:
        data = {"streamName": "items", "groupId": "room", "subscriptionId": subscription}
        self.say({"type": "leave", "data": data})

    @property
    def messages(self) -> list[dict[str, Any]]:
        """All that it was sent so far."""
        frames = parsed(self.wire.sent)
        return [json.loads(bytes(one.data)) for one in frames if one.opcode is Opcode.TEXT]

    @property
    def close_code(self) -> int | None:
        """With what code it was closed, None where it is open."""
        closes = [one for one in parsed(self.wire.sent) if one.opcode is Opcode.CLOSE]
        return Close.parse(bytes(closes[0].data)).code if closes else None

    @property
    def events(self) -> list[Any]:
        """What the messages are about."""
        return [message["event"] for message in self.messages]

    @property
    def errors(self) -> list[str]:
        """Codes of the errors it was sent."""
        return [
            event["event"]["data"]["code"]
            for event in self.events
            if event["type"] == "event" and event["event"]["type"] == "error"
        ]

    def gone(self) -> None:
        self.socket.connection_lost(None)


async def settled() -> None:
    """Let the loop do what is to be done now."""
    for _ in range(20):
        await asyncio.sleep(0)


async def until(look: Callable[[], bool]) -> None:
    """Let the loop go on until look answers True; the test has a limit of its own."""
    while not look():  # noqa: ASYNC110 (what is looked at are bytes on a wire)
        await asyncio.sleep(0.001)


def _at_once(function: Callable[[], Any]) -> Promise[Any]:
    promise: Promise[Any] = Promise()
    try:
        promise.set(function())
    except Exception as error:  # noqa: BLE001 (as the pool does)
        promise.set_error(error)
    return promise
