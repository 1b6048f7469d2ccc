"""The connection to the cluster: an event loop on a thread of its own.

It publishes what it is told in order, hands over what the log says in order, and when anything
is amiss it lets go of the connection and makes a new one. It remembers nothing: what was not
seen in the log is for the proposer to send again.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import logging
import random
import ssl
import time
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import msgspec
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js import JetStreamContext, api

from motia_actors.errors import StoreError
from motia_actors.stores.nats import cluster, entering
from motia_actors.stores.nats.address import Address
from motia_actors.threads import NativeThread, native_selector

CONNECT_S_MAX = 2.0
REQUEST_S_MAX = 3.0
HEARTBEAT_S = 1.0
SILENCE_S_MAX = 3.5
VERIFY_S = 60.0
_BACKOFF_S, _BACKOFF_S_MAX = 0.1, 2.0
_INCOMING_MAX = 8192
_STOP_S_MAX = 5.0

T = TypeVar("T")
logger = logging.getLogger(__name__)


class Came(msgspec.Struct, frozen=True):
    """A message of the log."""

    seq: int
    data: bytes


class Acked(msgspec.Struct, frozen=True):
    """The cluster has a message that was published."""

    origin: str
    number: int


class Refused(msgspec.Struct, frozen=True):
    """The cluster did not take a message that was published."""

    reason: str


class Up(msgspec.Struct, frozen=True):
    """The log is followed from now on, and stood at last_seq."""

    last_seq: int


class Down(msgspec.Struct, frozen=True):
    """The connection is lost; what was published may be lost too."""

    reason: str


class Behind(msgspec.Struct, frozen=True):
    """The log begins after what was seen of it: only a snapshot can help."""

    first_seq: int


News = Came | Acked | Refused | Up | Down | Behind


class Link:
    """Publishes and follows. `news` is emptied by one thread, which `tell` wakes."""

    def __init__(self, address: Address, *, name: str, tell: Callable[[], None]) -> None:
        self.news: deque[News] = deque()
        self.problem: StoreError | None = None
        """Why the cluster is not used though it answers."""
        self._address, self._name, self._tell = address, name, tell
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: NativeThread | None = None
        self._main: asyncio.Task[None] | None = None
        self._outgoing: deque[tuple[str, int, bytes]] = deque()
        self._has_outgoing = asyncio.Event()
        self._seq = 0
        self._heard_s = 0.0
        self._lost: asyncio.Future[str] | None = None
        self._js: JetStreamContext | None = None
        self._last_reason = ""

    def start(self, *, after_seq: int) -> None:
        """Begin to connect; the first message handed over is the one after after_seq."""
        self._seq = after_seq
        loop = asyncio.SelectorEventLoop(native_selector())
        self._loop = loop
        self._main = loop.create_task(self._sessions())
        self._thread = NativeThread(lambda: self._turn(loop), name="motia-nats")
        self._thread.start()

    @property
    def is_up(self) -> bool:
        """The log is followed just now."""
        return self._lost is not None

    def publish(self, messages: list[tuple[str, int, bytes]]) -> None:
        """Send messages (origin, number, message), in order; any thread."""

        def send() -> None:
            if self._lost is not None:
                self._outgoing.extend(messages)
                self._has_outgoing.set()

        assert self._loop is not None, "started"
        self._loop.call_soon_threadsafe(send)

    def call(self, work: Callable[[JetStreamContext], Coroutine[Any, Any, T]], wait_s: float) -> T:
        """Have work done with the connection and wait for it; any thread but the loop's.

        Raises:
            StoreError: it failed, there is no connection, or wait_s passed.
        """
        js, loop = self._js, self._loop
        if js is None or loop is None:
            raise StoreError("the cluster is not connected")
        future = asyncio.run_coroutine_threadsafe(work(js), loop)
        try:
            return future.result(wait_s)
        except (NatsError, OSError, TimeoutError, concurrent.futures.CancelledError) as error:
            future.cancel()
            raise StoreError(f"the cluster did not do it: {error!r}") from error

    def stop(self) -> None:
        """Let go of the connection."""
        loop, main, thread = self._loop, self._main, self._thread
        if loop is None or main is None or thread is None:
            return
        loop.call_soon_threadsafe(main.cancel)
        thread.join(_STOP_S_MAX)
        self._loop = None

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        assert self._main is not None, "started"
        try:
            with contextlib.suppress(asyncio.CancelledError):
                loop.run_until_complete(self._main)
            loop.run_until_complete(_end_others())
            loop.run_until_complete(loop.shutdown_default_executor())
        finally:
            loop.close()

    async def _sessions(self) -> None:
        """One connection after the other, with a growing wait between those that fail."""
        failures = 0
        number = random.randrange(len(self._address.servers))  # noqa: S311 (only spreads load)
        while True:
            started_s = time.monotonic()
            server = self._address.servers[number % len(self._address.servers)]
            reason = await self._session(server)
            self._js = None
            self._outgoing.clear()
            self._put(Down(reason))
            self._say(server, reason)
            number += 1
            failures = 0 if time.monotonic() - started_s > SILENCE_S_MAX else failures + 1
            wait_s = min(_BACKOFF_S * 2**failures, _BACKOFF_S_MAX)
            await asyncio.sleep(wait_s * (0.5 + random.random() / 2))  # noqa: S311 (likewise)

    async def _session(self, server: tuple[str, int]) -> str:
        """Use one connection until it is lost; answers why it was."""
        try:
            # Before there is a client: one that never connected cannot be closed.
            entry = {**entering.shown(self._address), "tls": _tls_of(self._address)}
        except (entering.EntryError, OSError) as error:
            return f"{type(error).__name__}: {error}"
        client = Client()
        lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        tasks: list[asyncio.Task[None]] = []
        try:
            await self._connect(client, server, lost, entry)
            await cluster.verify(self._address)
            js = client.jetstream(timeout=REQUEST_S_MAX)
            version = str(client._server_info.get("version", "0.0"))  # noqa: SLF001 (no other way)
            info = await cluster.prepare(js, self._address, version=version)
            if info.state.first_seq > self._seq + 1:
                self._js = js
                self._put(Behind(info.state.first_seq))
                return await lost
            self._expect_end(info.state.last_seq)
            await self._follow(client, js, lost)
            self.problem = None
            self._lost, self._js = lost, js
            self._put(Up(info.state.last_seq))
            tasks = [
                asyncio.create_task(self._send(client, lost)),
                asyncio.create_task(self._watch(lost)),
            ]
            return await lost
        except cluster.UnsafeClusterError as error:
            self.problem = error
            return str(error)
        except (NatsError, OSError, TimeoutError, ssl.SSLError) as error:
            return f"{type(error).__name__}: {error}"
        finally:
            self._lost = None
            for task in tasks:
                task.cancel()
            with contextlib.suppress(NatsError, OSError, TimeoutError):
                await asyncio.wait_for(client.close(), CONNECT_S_MAX)

    def _expect_end(self, last_seq: int) -> None:
        if last_seq < self._seq:
            raise cluster.UnsafeClusterError(
                f"stream {self._address.stream} ends at {last_seq} and this host has seen "
                f"{self._seq}: it was deleted or restored; see docs/nats.md"
            )

    async def _connect(
        self,
        client: Client,
        server: tuple[str, int],
        lost: asyncio.Future[str],
        entry: dict[str, Any],
    ) -> None:

        async def on_lost() -> None:
            _lose(lost, "the connection was closed")

        async def on_error(error: Exception) -> None:
            _lose(lost, f"{type(error).__name__}: {error}")

        host = f"[{server[0]}]" if ":" in server[0] else server[0]
        # Not the library's own reconnecting: what it would send again late comes out of order.
        await asyncio.wait_for(
            client.connect(
                f"{'tls' if self._address.is_tls else 'nats'}://{host}:{server[1]}",
                name=self._name,
                **entry,
                allow_reconnect=False,
                connect_timeout=int(CONNECT_S_MAX),
                ping_interval=2,
                max_outstanding_pings=2,
                disconnected_cb=on_lost,
                closed_cb=on_lost,
                error_cb=on_error,
            ),
            2 * CONNECT_S_MAX,
        )

    async def _follow(
        self, client: Client, js: JetStreamContext, lost: asyncio.Future[str]
    ) -> None:
        """Have the log sent from the next message on."""

        async def on_message(message: Msg) -> None:
            self._heard_s = time.monotonic()
            headers = message.headers or {}
            if headers.get("Status"):
                stalled = headers.get("Nats-Consumer-Stalled") or message.reply
                if stalled:
                    while len(self.news) > _INCOMING_MAX:  # noqa: ASYNC110 (a thread empties it)
                        await asyncio.sleep(0.01)
                    await client.publish(stalled, b"")
                return
            seq = _seq_of(message.reply)
            if seq == self._seq + 1:
                self._seq = seq
                self._put(Came(seq, message.data))
            elif seq > self._seq:
                _lose(lost, f"message {self._seq + 1} of the log did not come")

        inbox = client.new_inbox()
        await client.subscribe(inbox, cb=on_message, pending_msgs_limit=-1, pending_bytes_limit=-1)
        await js.add_consumer(
            self._address.stream,
            api.ConsumerConfig(
                deliver_subject=inbox,
                deliver_policy=api.DeliverPolicy.BY_START_SEQUENCE,
                opt_start_seq=self._seq + 1,
                ack_policy=api.AckPolicy.NONE,
                idle_heartbeat=HEARTBEAT_S,
                flow_control=True,
                inactive_threshold=30.0,
                mem_storage=True,
                num_replicas=1,
            ),
        )
        self._heard_s = time.monotonic()

    async def _send(self, client: Client, lost: asyncio.Future[str]) -> None:
        inbox = client.new_inbox()

        async def on_answer(message: Msg) -> None:
            origin, _, number = message.subject[len(inbox) + 1 :].partition(".")
            reason = _refusal_in(message)
            self._put(Acked(origin, int(number)) if reason is None else Refused(reason))

        try:
            await client.subscribe(
                f"{inbox}.>", cb=on_answer, pending_msgs_limit=-1, pending_bytes_limit=-1
            )
            while True:
                await self._has_outgoing.wait()
                self._has_outgoing.clear()
                while self._outgoing:
                    origin, number, message = self._outgoing.popleft()
                    reply = f"{inbox}.{origin}.{number}"
                    await client.publish(self._address.subject, message, reply=reply)
        except NatsError as error:
            _lose(lost, f"{type(error).__name__}: {error}")

    async def _watch(self, lost: asyncio.Future[str]) -> None:
        """Lose the connection where nothing comes; look at the servers now and then."""
        verified_s = time.monotonic()
        while True:
            await asyncio.sleep(HEARTBEAT_S / 2)
            now_s = time.monotonic()
            if now_s - self._heard_s > SILENCE_S_MAX:
                _lose(lost, f"nothing was heard for {SILENCE_S_MAX:g} s")
            if now_s - verified_s > VERIFY_S:
                verified_s = now_s
                try:
                    await cluster.verify(self._address)
                except cluster.UnsafeClusterError as error:
                    # It served until now: it goes on, and says so every minute.
                    logger.error("acknowledged writes may be lost: %s", error)

    def _put(self, news: News) -> None:
        self.news.append(news)
        self._tell()

    def _say(self, server: tuple[str, int], reason: str) -> None:
        if reason != self._last_reason:
            logger.warning("no cluster at %s:%d: %s; trying again", *server, reason)
            self._last_reason = reason


def _lose(lost: asyncio.Future[str], reason: str) -> None:
    if not lost.done():
        lost.set_result(reason)


def _seq_of(reply: str) -> int:
    """The place in the log, of a message's reply subject (ADR-15: 9 tokens, or 11 and more)."""
    tokens = reply.split(".")
    return int(tokens[5] if len(tokens) == 9 else tokens[7])


def _refusal_in(message: Msg) -> str | None:
    """Why the cluster did not take a message, None where it did."""
    if message.headers and message.headers.get("Status"):
        return "no server leads the log just now"
    try:
        answer = msgspec.json.decode(message.data)
        error = answer.get("error")
        return None if error is None else str(error.get("description", error))
    except (msgspec.DecodeError, AttributeError):
        return f"an answer of no known form: {message.data[:80]!r}"


def _tls_of(address: Address) -> ssl.SSLContext | None:
    if not address.is_tls:
        return None
    context = ssl.create_default_context(
        cafile=None if address.tls_ca is None else str(address.tls_ca)
    )
    if address.tls_cert is not None:
        key = None if address.tls_key is None else str(address.tls_key)
        context.load_cert_chain(str(address.tls_cert), key)
    return context


__all__ = ["Acked", "Behind", "Came", "Down", "Link", "News", "Refused", "Up"]


async def _end_others() -> None:
    """Cancel what a client whose connection was cut has left behind on this loop."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
