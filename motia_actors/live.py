"""Live streams: WebSockets of any path, their joins and leaves, and the changes they hear of."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from motia_actors.access import (
    ANSWER_S_MAX,
    AuthRequest,
    Doorkeeper,
    Pass,
    RefusedError,
    auth_request,
)
from motia_actors.clock import Clock
from motia_actors.messages import Change, Wake
from motia_actors.promise import Promise
from motia_actors.steps.catalog import Catalog
from motia_actors.store import Store
from motia_actors.threads import Signal
from motia_actors.web.answers import Offload
from motia_actors.web.loop import LoopThread
from motia_actors.web.rooms import Frame, Place, Rooms
from motia_actors.web.sockets import SocketLimits, WebSocket, handshake, text_frame
from motia_actors.web.takeover import can_take_over, take_over

LOOK_S = 1.0
"""How often the log is looked at where nobody tells of a change."""
CLIENTS_MAX = 10_000
SUBSCRIPTIONS_MAX = 1_000
INBOX_MAX = 2_000
"""Messages of one socket that may wait for an answer of `canAccess`."""
CLOSE_S_MAX = 1.0
EXPIRY_S_MAX = 3600.0
"""Time limits of asyncio are no clock: what lies further ahead is looked at again."""


class _Data(msgspec.Struct):
    streamName: str  # noqa: N815 (Motia's name)
    groupId: str  # noqa: N815 (Motia's name)
    subscriptionId: str = ""  # noqa: N815 (Motia's name)
    id: str | None = None
    afterSeq: int | None = None  # noqa: N815 (as Motia would spell it)


class _Message(msgspec.Struct):
    type: str
    data: msgspec.Raw = msgspec.Raw(b"null")
    timestamp: float | None = None


_messages = msgspec.json.Decoder(_Message)
_datas = msgspec.json.Decoder(_Data)


class Live:
    """The sockets of one process, over its store.

    Args:
        catalog: Answers the project as it is now.
        door: Who may connect and join.
        offload: Runs what blocks, for servers whose event loop must not; None runs it here.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        catalog: Callable[[], Catalog],
        door: Doorkeeper,
        *,
        offload: Offload | None = None,
    ) -> None:
        self.store, self.catalog, self.clock = store, catalog, clock
        self.door, self._offload = door, offload
        self.thread = LoopThread()
        self.limits = SocketLimits()
        self._rooms: Rooms | None = None
        self._clients: set[Client] = set()
        self._is_woken = self._is_stopping = False
        self._emptied = Signal()
        store.notifier.listen(self._wake)

    @property
    def count(self) -> int:
        """How many sockets are open."""
        return len(self._clients)

    @property
    def rooms(self) -> Rooms:
        """The rooms; made on the loop's thread."""
        if self._rooms is None:
            self._rooms = Rooms(self.store, self.clock, make_frame=text_frame)
            self._look()
        return self._rooms

    def over(self, app: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
        """The application, with upgrades of any path served here."""

        def serve(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            if environ.get("HTTP_UPGRADE", "").lower() != "websocket":
                return app(environ, start_response)
            return self._upgrade(environ, start_response)

        return serve

    def begin_stop(self) -> None:
        """Send every client to another process."""
        self._is_stopping = True
        # A worker that lends its loop closes what it handed over itself.
        if self.thread.is_own:
            self.thread.call(self._close_all)

    def stop(self) -> None:
        """Close what is open, and end the threads."""
        self.begin_stop()
        if self.thread.is_own:
            self.thread.call(self._tell_if_empty)
            self._emptied.wait(CLOSE_S_MAX)
            self.thread.stop()

    def _close_all(self) -> None:
        for client in list(self._clients):
            client.socket.begin_close()

    def left(self, client: Client) -> None:
        """A client is gone."""
        self._clients.discard(client)
        if self._is_stopping:
            self._tell_if_empty()

    def _upgrade(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        request = auth_request(environ)
        admitted = Pass()
        status, headers, body = handshake(environ)
        if not can_take_over(environ):
            status, headers, body = "501 Not Implemented", [], b"no WebSockets on this server\n"
        elif self._is_stopping or len(self._clients) >= CLIENTS_MAX:
            status, headers, body = "503 Service Unavailable", [("Retry-After", "1")], b""
        elif status.startswith("101"):
            try:
                self.door.check_origin(environ)
                admitted = self._admit(request)
            except RefusedError as error:
                status, headers, body = error.status, [], f"{error}\n".encode()
        if not status.startswith("101"):
            headers = [one for one in headers if one[0].lower() != "content-length"]
            start_response(status, [*headers, ("Content-Length", str(len(body)))])
            return [body]

        offered = environ.get("motia_actors.loop")
        if offered is not None:
            self.thread.adopt(offered)

        def make() -> asyncio.Protocol:
            return WebSocket(listen, self.thread.loop, self.limits)

        def listen(socket: WebSocket) -> Client:
            client = Client(self, socket, request, admitted)
            self._clients.add(client)
            return client

        return take_over(environ, start_response, status, headers, make, loop=self.thread)

    def _admit(self, request: AuthRequest) -> Pass:
        if self._offload is None:
            return self.door.admit(request)
        return self._offload(lambda: self.door.admit(request))

    def _tell_if_empty(self) -> None:
        if not self._clients:
            self._emptied.set()

    # Changes.

    def _wake(self, wake: Wake) -> None:
        if (wake.streams or not wake.steps) and not self._is_woken and self._rooms is not None:
            self._is_woken = True
            self.thread.call(self._take_in)

    def _take_in(self) -> None:
        self._is_woken = False
        if self.rooms.take_in():
            # One batch a turn, so that sockets are served in between.
            self.thread.loop.call_soon(self._take_in)

    def _look(self) -> None:
        if self._is_stopping:
            return
        self.thread.loop.call_later(LOOK_S, self._look)
        if self._rooms is not None:
            self._take_in()


class Client:
    """One socket's subscriptions; its messages are taken one after the other."""

    def __init__(self, live: Live, socket: WebSocket, request: AuthRequest, admitted: Pass) -> None:
        self._live, self.socket, self._request = live, socket, request
        self._inbox: deque[_Message] = deque()
        self._is_asking = False
        self._joined: dict[str, Place] = {}
        self._after: dict[Place, int] = {}
        self._expiry: asyncio.TimerHandle | None = None
        self._admitted = admitted
        self._await_expiry()

    def push(self, frame: Frame, change: Change) -> None:
        """Send a change; while the client is slow, only the newest update of an item."""
        key = None
        if change.type == "update":
            key = change.stream, change.group, change.item_id
        self.socket.send(frame.bytes(), key=key)

    def on_message(self, text: str) -> None:
        """Take a message in its turn; what is none gets an error."""
        try:
            message = _messages.decode(text)
        except (msgspec.DecodeError, msgspec.ValidationError):
            self._refuse(("", "", None), "BAD_MESSAGE", "write {type, data} as JSON")
            return
        if len(self._inbox) >= INBOX_MAX:
            self.socket.close(1008, "too many messages")
            return
        self._inbox.append(message)
        self._go_on()

    def on_close(self) -> None:
        """Leave all rooms."""
        if self._expiry is not None:
            self._expiry.cancel()
        for place in set(self._joined.values()):
            self._live.rooms.leave(place, self)
        self._joined.clear()
        self._inbox.clear()
        self._live.left(self)

    def _go_on(self) -> None:
        while self._inbox and not self._is_asking and self.socket.is_open:
            self._take(self._inbox.popleft())

    def _take(self, message: _Message) -> None:
        if message.type == "ping":
            pong = {"type": "pong", "timestamp": message.timestamp}
            self.socket.send(text_frame(msgspec.json.encode(pong)))
        if message.type not in ("join", "leave"):
            return
        try:
            data = _datas.decode(message.data)
        except msgspec.DecodeError as error:
            self._refuse(("", "", None), "BAD_MESSAGE", str(error))
            return
        place = data.streamName, data.groupId, data.id or None
        subscription = data.subscriptionId or repr(place)
        if message.type == "leave":
            self._leave(subscription)
        else:
            self._join(place, subscription, data.afterSeq)

    def _leave(self, subscription: str) -> None:
        place = self._joined.pop(subscription, None)
        if place is not None and place not in self._joined.values():
            self._live.rooms.leave(place, self)

    def _join(self, place: Place, subscription: str, after_seq: int | None) -> None:
        catalog = self._live.catalog()
        stream = next((one for one in catalog.streams if one.name == place[0]), None)
        if stream is None:
            self._refuse(place, "STREAM_ACCESS_DENIED", f"Stream {place[0]} not found")
            return
        if len(self._joined) >= SUBSCRIPTIONS_MAX:
            self._refuse(place, "TOO_MANY_SUBSCRIPTIONS", f"at most {SUBSCRIPTIONS_MAX}")
            return
        if not stream.has_can_access:
            self._enter(place, subscription, after_seq)
            return
        self._is_asking = True

        def answered(is_allowed: bool) -> None:
            self._is_asking = False
            if not self.socket.is_open:
                return
            if is_allowed:
                self._enter(place, subscription, after_seq)
            else:
                self._refuse(place, "STREAM_ACCESS_DENIED", "Access denied")
            self._go_on()

        self._ask(catalog.handlers.get(stream.id), place, answered)

    def _ask(self, handler: object, place: Place, answered: Callable[[bool], None]) -> None:
        """Ask canAccess; answered is called once, on the loop's thread."""
        thread = self._live.thread
        promise = self._live.door.may_access(handler, place[1], place[2], self._admitted.context)
        late: Promise[bool] = Promise()
        # Whichever comes first settles it.
        timer = thread.loop.call_later(ANSWER_S_MAX, late.set, False)
        promise.on_done(lambda one: thread.call(lambda: late.set(one.result())))

        def settled(one: Promise[bool]) -> None:
            timer.cancel()
            answered(one.result())

        late.on_done(settled)

    def _await_expiry(self) -> None:
        expires_at_s = self._admitted.expires_at_s
        if expires_at_s is not None:
            after_s = min(max(0.0, expires_at_s - self._live.clock.now_s()), EXPIRY_S_MAX)
            self._expiry = self._live.thread.loop.call_later(after_s, self._on_expiry)

    def _on_expiry(self) -> None:
        expires_at_s = self._admitted.expires_at_s
        if expires_at_s is not None and expires_at_s > self._live.clock.now_s():
            self._await_expiry()
            return
        thread = self._live.thread
        promise = self._live.door.readmit(self._request)
        promise.on_done(lambda one: thread.call(lambda: self._on_readmitted(one)))

    def _on_readmitted(self, promise: Promise[Pass]) -> None:
        if not self.socket.is_open:
            return
        if promise.error is not None or _is_over(promise.result(), self._live.clock.now_s()):
            self.socket.close(1008, "authentication expired")
            return
        self._admitted = promise.result()
        self._await_expiry()
        for subscription, place in list(self._joined.items()):
            self._check_again(subscription, place)

    def _check_again(self, subscription: str, place: Place) -> None:
        catalog = self._live.catalog()
        stream = next((one for one in catalog.streams if one.name == place[0]), None)
        if stream is not None and not stream.has_can_access:
            return

        def answered(is_allowed: bool) -> None:
            if not is_allowed and self._joined.get(subscription) == place:
                self._leave(subscription)
                self._refuse(place, "STREAM_ACCESS_DENIED", "Access denied")

        self._ask(None if stream is None else catalog.handlers.get(stream.id), place, answered)

    def _enter(self, place: Place, subscription: str, after_seq: int | None) -> None:
        self._leave(subscription)
        self._joined[subscription] = place
        for payload in self._live.rooms.join(place, self, after_seq=after_seq):
            self.socket.send(text_frame(payload))

    def _refuse(self, place: Place, code: str, message: str) -> None:
        error = {"type": "error", "data": {"code": code, "message": message}}
        event = {"type": "event", "event": error}
        self.socket.send(text_frame(self._live.rooms.message(place, event)))


def _is_over(admitted: Pass, now_s: float) -> bool:
    return admitted.expires_at_s is not None and admitted.expires_at_s <= now_s
