"""Live streams of one process: takes sockets and event streams in, and tells them of changes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from motia_actors.access import ANSWER_S_MAX, Doorkeeper, Pass, RefusedError, auth_request
from motia_actors.clock import Clock
from motia_actors.errors import TimeLimitError
from motia_actors.live.client import Client
from motia_actors.live.events import TYPE, EventClient, last_seq_of, place_of
from motia_actors.live.limits import LiveLimits
from motia_actors.live.visit import ALLOWED, DENIED, Desk
from motia_actors.messages import Wake
from motia_actors.steps.catalog import Catalog
from motia_actors.store import Store
from motia_actors.threads import Signal
from motia_actors.web.answers import Offload
from motia_actors.web.loop import LoopThread
from motia_actors.web.rooms import Place, Rooms
from motia_actors.web.sockets import SocketLimits, WebSocket, handshake, is_upgrade
from motia_actors.web.takeover import can_take_over, take_over

LOOK_S = 1.0
"""How often the log is looked at where nobody tells of a change."""
CLOSE_S_MAX = 1.0

Headers = list[tuple[str, str]]


class Guest(Protocol):
    """Whoever is served."""

    def begin_close(self) -> None:
        """The process leaves: it should connect again, to another."""
        ...


class Live:
    """The clients of one process, over its store.

    Args:
        catalog: Answers the project as it is now.
        door: Who may connect and join.
        limits: What clients may cost.
        offload: Runs what blocks, for servers whose event loop must not; None runs it here.
        thread: What serves them; None: a loop on a thread of its own.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        catalog: Callable[[], Catalog],
        door: Doorkeeper,
        *,
        limits: LiveLimits | None = None,
        offload: Offload | None = None,
        thread: LoopThread | None = None,
    ) -> None:
        self.store, self.clock = store, clock
        self.limits = limits or LiveLimits()
        self._offload = offload
        self.thread = thread or LoopThread()
        self.desk = Desk(catalog, clock, door, self.thread)
        self._rooms: Rooms | None = None
        self._guests: set[Guest] = set()
        self._is_woken = self._is_stopping = False
        self._emptied = Signal()
        store.notifier.listen(self._wake)

    @property
    def count(self) -> int:
        """How many are connected."""
        return len(self._guests)

    @property
    def rooms(self) -> Rooms:
        """The rooms; made on the loop's thread."""
        if self._rooms is None:
            self._rooms = Rooms(self.store, self.clock)
            self._look()
        return self._rooms

    def over(self, app: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
        """The application, with upgrades of any path and event streams served here."""

        def serve(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            if self.is_for(environ):
                if is_upgrade(environ):
                    return self._upgrade(environ, start_response)
                place = place_of(environ)
                if place is not None:
                    return self._events(place, environ, start_response)
            return app(environ, start_response)

        return serve

    @staticmethod
    def is_for(environ: dict[str, Any]) -> bool:
        """The request may be one that is served here: a quick look."""
        return "HTTP_UPGRADE" in environ or environ["PATH_INFO"].startswith("/__motia/s")

    def begin_stop(self) -> None:
        """Send every client to another process."""
        self._is_stopping = True
        if self.thread.is_running:
            self.thread.call(self._close_all)

    def stop(self) -> None:
        """Close what is open, and end the threads."""
        self.begin_stop()
        if self.thread.is_running:
            self.thread.call(self._tell_if_empty)
            self._emptied.wait(CLOSE_S_MAX)
            self.thread.stop()

    def entered(self, guest: Guest) -> None:
        """A client is served from now on."""
        self._guests.add(guest)

    def left(self, guest: Guest) -> None:
        """A client is gone."""
        self._guests.discard(guest)
        if self._is_stopping:
            self._tell_if_empty()

    def _close_all(self) -> None:
        for guest in list(self._guests):
            guest.begin_close()

    def _tell_if_empty(self) -> None:
        if not self._guests:
            self._emptied.set()

    # Taking in.

    def _upgrade(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        answer = handshake(environ)
        request = auth_request(environ)
        admitted = Pass()
        try:
            self._check_room(environ, "no WebSockets on this server")
            if answer.is_accepted:
                admitted = self._admit(environ)
        except RefusedError as error:
            return _refused(start_response, error)
        if not answer.is_accepted:
            headers = [one for one in answer.headers if one[0].lower() != "content-length"]
            start_response(answer.status, [*headers, ("Content-Length", str(len(answer.body)))])
            return [answer.body]
        limits = SocketLimits(
            message_bytes_max=self.limits.message_bytes_max,
            queue_bytes_max=self.limits.queue_bytes_max,
        )

        def make() -> asyncio.Protocol:
            return WebSocket(listen, self.thread.loop, limits, extensions=answer.extensions)

        def listen(socket: WebSocket) -> Client:
            client = Client(self, socket, request, admitted)
            self.entered(client)
            return client

        return self._take_over(environ, start_response, answer.status, answer.headers, make)

    def _events(
        self, place: Place, environ: dict[str, Any], start_response: Any
    ) -> Iterable[bytes]:
        request = auth_request(environ)
        try:
            self._check_room(environ, "no event streams on this server")
            admitted = self._admit(environ)
            self._check_place(place, admitted)
        except RefusedError as error:
            return _refused(start_response, error, origin=self._origin(environ))

        def make() -> asyncio.Protocol:
            return EventClient(self, place, request, admitted, after_seq=last_seq_of(environ))

        headers = [
            ("Content-Type", f"{TYPE}; charset=utf-8"),
            ("Cache-Control", "no-store"),
            ("X-Accel-Buffering", "no"),
            ("Connection", "close"),
            *self._origin(environ),
        ]
        return self._take_over(environ, start_response, "200 OK", headers, make)

    def _take_over(
        self,
        environ: dict[str, Any],
        start_response: Any,
        status: str,
        headers: Headers,
        make: Callable[[], asyncio.Protocol],
    ) -> Iterable[bytes]:
        return take_over(environ, start_response, status, headers, make, loop=self.thread)

    def _check_room(self, environ: dict[str, Any], why_not: str) -> None:
        if not can_take_over(environ):
            raise RefusedError("501 Not Implemented", why_not)
        if self._is_stopping or len(self._guests) >= self.limits.clients_max:
            raise RefusedError("503 Service Unavailable", "too many clients", retry_after_s=1)

    def _admit(self, environ: dict[str, Any]) -> Pass:
        door, request = self.desk.door, auth_request(environ)
        door.check_origin(environ)
        if self._offload is None:
            return door.admit(request)
        return self._offload(lambda: door.admit(request))

    def _check_place(self, place: Place, admitted: Pass) -> None:
        promise = self.desk.ask(place, admitted.context)
        try:
            if self._offload is None or promise.is_done:
                reason = promise.result(ANSWER_S_MAX)
            else:
                reason = self._offload(lambda: promise.result(ANSWER_S_MAX))
        except TimeLimitError:
            reason = DENIED
        if reason != ALLOWED:
            raise RefusedError("403 Forbidden" if reason == DENIED else "404 Not Found", reason)

    def _origin(self, environ: dict[str, Any]) -> Headers:
        """What lets a page of another origin, which check_origin let pass, read the stream."""
        origin = environ.get("HTTP_ORIGIN")
        return [("Access-Control-Allow-Origin", origin), ("Vary", "Origin")] if origin else []

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


def _refused(
    start_response: Any, error: RefusedError, *, origin: Iterable[tuple[str, str]] = ()
) -> list[bytes]:
    body = f"{error}\n".encode()
    headers = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))]
    if error.retry_after_s:
        headers.append(("Retry-After", str(error.retry_after_s)))
    start_response(error.status, [*headers, *origin])
    return [body]
