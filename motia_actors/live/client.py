"""One WebSocket's subscriptions; its messages are taken one after the other."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING

import msgspec

from motia_actors.access import AuthRequest, Pass
from motia_actors.live.limits import Allowance
from motia_actors.live.visit import ALLOWED, Visit
from motia_actors.messages import Change
from motia_actors.web.rooms import Frame, Place
from motia_actors.web.sockets import WebSocket, deflated_frame, text_frame

if TYPE_CHECKING:
    from motia_actors.live.hub import Live

INBOX_MAX = 2_000
"""Messages of one socket that may wait for their turn or an answer of `canAccess`."""


class _Data(msgspec.Struct):
    streamName: str  # noqa: N815 (Motia's name)
    groupId: str  # noqa: N815 (Motia's name)
    subscriptionId: str = ""  # noqa: N815 (Motia's name)
    id: str | None = None
    afterSeq: int | None = None  # noqa: N815 (as Motia would spell it)
    afterTimestamp: float | None = None  # noqa: N815 (as Motia would spell it)


class _Message(msgspec.Struct):
    type: str
    data: msgspec.Raw = msgspec.Raw(b"null")
    timestamp: float | None = None


_messages = msgspec.json.Decoder(_Message)
_datas = msgspec.json.Decoder(_Data)


class Client:
    """What one socket listens to; all calls are made on the loop's thread."""

    def __init__(self, live: Live, socket: WebSocket, request: AuthRequest, admitted: Pass) -> None:
        self._live, self.socket = live, socket
        self._inbox: deque[_Message] = deque()
        self._is_busy = self._is_going = False
        self._pause: asyncio.TimerHandle | None = None
        self._joined: dict[str, Place] = {}
        self._form = _deflated if socket.is_deflating else _plain
        self._allowance = Allowance(live.limits.joins_per_s_max, now_s=time.monotonic())
        self._visit = Visit(
            live.desk, request, admitted, renewed=self._on_renewed, ended=self._on_ended
        )

    def push(self, frame: Frame, change: Change) -> None:
        """Send a change; while the client is slow, only the newest update of an item."""
        key = None
        if change.type == "update":
            key = change.stream, change.group, change.item_id
        self.socket.send(frame.form(self._form), key=key)

    def begin_close(self) -> None:
        """The process leaves."""
        self.socket.begin_close()

    def on_message(self, text: str) -> None:
        """Take a message in its turn; what is none gets an error."""
        try:
            message = _messages.decode(text)
        except (msgspec.DecodeError, msgspec.ValidationError, RecursionError):
            self._refuse(("", "", None), "BAD_MESSAGE", "write {type, data} as JSON")
            return
        if len(self._inbox) >= INBOX_MAX:
            self.socket.close(1008, "too many messages")
            return
        self._inbox.append(message)
        self._go_on()

    def on_close(self) -> None:
        """Leave all rooms."""
        self._visit.end()
        if self._pause is not None:
            self._pause.cancel()
        for place in set(self._joined.values()):
            self._live.rooms.leave(place, self)
        self._joined.clear()
        self._inbox.clear()
        self._live.left(self)

    def _go_on(self) -> None:
        # An answer that is there at once comes back here: the loop below goes on with it.
        if self._is_going:
            return
        self._is_going = True
        try:
            self._take_all()
        finally:
            self._is_going = False

    def _take_all(self) -> None:
        while self._inbox and not self._is_busy and self.socket.is_open:
            is_join = self._inbox[0].type == "join"
            if is_join:
                wait_s = self._allowance.take(time.monotonic())
                if wait_s:
                    self._is_busy = True
                    self._pause = self._live.thread.loop.call_later(wait_s, self._resume)
                    return
            self._take(self._inbox.popleft())
            if is_join and not self._is_busy:
                # One a turn: a group may be large, and others are served in between.
                self._is_busy = True
                self._live.thread.loop.call_soon(self._resume)

    def _resume(self) -> None:
        self._is_busy = False
        self._go_on()

    def _take(self, message: _Message) -> None:
        if message.type == "ping":
            pong = {"type": "pong", "timestamp": message.timestamp}
            self.socket.send(text_frame(msgspec.json.encode(pong)))
        if message.type not in ("join", "leave"):
            return
        try:
            data = _datas.decode(message.data)
        except (msgspec.DecodeError, RecursionError) as error:
            self._refuse(("", "", None), "BAD_MESSAGE", str(error))
            return
        place = data.streamName, data.groupId, data.id or None
        subscription = data.subscriptionId or repr(place)
        if message.type == "leave":
            self._leave(subscription)
        else:
            self._join(place, subscription, data)

    def _leave(self, subscription: str) -> None:
        place = self._joined.pop(subscription, None)
        if place is not None and place not in self._joined.values():
            self._live.rooms.leave(place, self)

    def _join(self, place: Place, subscription: str, data: _Data) -> None:
        count_max = self._live.limits.subscriptions_max
        if len(self._joined) >= count_max and subscription not in self._joined:
            self._refuse(place, "TOO_MANY_SUBSCRIPTIONS", f"at most {count_max}")
            return
        self._is_busy = True

        def answered(reason: str) -> None:
            self._is_busy = False
            if not self.socket.is_open:
                return
            if reason == ALLOWED:
                self._enter(place, subscription, data)
            else:
                self._refuse(place, "STREAM_ACCESS_DENIED", reason)
            self._go_on()

        self._visit.ask(place, answered)

    def _enter(self, place: Place, subscription: str, data: _Data) -> None:
        self._leave(subscription)
        self._joined[subscription] = place
        frames = self._live.rooms.join(
            place, self, after_seq=data.afterSeq, after_ms=data.afterTimestamp
        )
        if frames:
            self.socket.send(b"".join(frame.form(self._form) for frame in frames))

    def _on_renewed(self) -> None:
        # One after the other: whoever has a thousand of them is to hold up nobody.
        self._check_again(deque(self._joined.items()))

    def _check_again(self, left: deque[tuple[str, Place]]) -> None:
        if not left:
            return
        subscription, place = left.popleft()

        def answered(reason: str) -> None:
            self._live.thread.loop.call_soon(self._check_again, left)
            if reason != ALLOWED and self._joined.get(subscription) == place:
                self._leave(subscription)
                self._refuse(place, "STREAM_ACCESS_DENIED", reason)

        self._visit.ask(place, answered)

    def _on_ended(self) -> None:
        self.socket.close(1008, "authentication expired")

    def _refuse(self, place: Place, code: str, message: str) -> None:
        error = {"type": "error", "data": {"code": code, "message": message}}
        frame = self._live.rooms.message(place, {"type": "event", "event": error})
        self.socket.send(frame.form(self._form))


def _plain(frame: Frame) -> bytes:
    return text_frame(frame.payload)


def _deflated(frame: Frame) -> bytes:
    return deflated_frame(frame.payload)
