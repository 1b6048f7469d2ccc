"""Many WebSocket clients in one process: as little work for each message as can be."""

from __future__ import annotations

import asyncio
import json
import re
import resource
import threading
import time
from collections.abc import Sequence
from typing import cast

CONNECT_S_MAX = 120.0
HEARD_S_MAX = 60.0
AT_ONCE = 100
FILES_SPARE = 200
_HANDSHAKE = (
    b"GET /live HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
_AT = re.compile(rb'"at_s":([0-9.]+)')
_MASKED_SMALL = 126


def allow_files(count: int) -> int:
    """Raise the limit of open files to count and some more; answers how many that allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(count + FILES_SPARE, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return min(count, wanted - FILES_SPARE)


class Listener(asyncio.Protocol):
    """One client: notes how late each change came."""

    def __init__(self, group: str) -> None:
        self._group = group
        self._buffer = b""
        self.is_joined = asyncio.Event()
        self.latencies_s: list[float] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for a WebSocket."""
        self.transport = cast("asyncio.Transport", transport)
        self.transport.write(_HANDSHAKE)

    def data_received(self, data: bytes) -> None:
        """Join once it is one; note what comes then."""
        self._buffer += data
        if b"HTTP/1.1" in self._buffer[:8]:
            head, end, rest = self._buffer.partition(b"\r\n\r\n")
            if not end:
                return
            assert b" 101 " in head, head
            self._buffer = rest
            self.transport.write(_join(self._group))
        now_s = time.monotonic()
        while (frame := self._next()) is not None:
            found = _AT.search(frame)
            if found is None or b'"sync"' in frame:
                self.is_joined.set()
            else:
                self.latencies_s.append(now_s - float(found[1]))

    def _next(self) -> bytes | None:
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        size, head = buffer[1] & 0x7F, 2
        if size == 126:
            size, head = int.from_bytes(buffer[2:4], "big"), 4
        elif size == 127:
            size, head = int.from_bytes(buffer[2:10], "big"), 10
        if len(buffer) < head + size:
            return None
        self._buffer = buffer[head + size :]
        return buffer[head : head + size]


class Crowd:
    """Clients on a loop of their own thread, all in one group."""

    def __init__(self, port: int, *, group: str, count: int) -> None:
        self._port, self._group, self._count = port, group, count
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._listeners: list[Listener] = []

    def __enter__(self) -> Crowd:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._connect(), self._loop).result(CONNECT_S_MAX)
        return self

    def __exit__(self, *_: object) -> None:
        def end() -> None:
            for listener in self._listeners:
                listener.transport.abort()
            self._loop.call_later(0.1, self._loop.stop)

        self._loop.call_soon_threadsafe(end)
        self._thread.join()
        self._loop.close()

    def take(self, each: int) -> Sequence[float]:
        """Wait until every client heard each changes, or for HEARD_S_MAX; answers their delays.

        What is not there by then is lost.
        """
        until_s = time.monotonic() + HEARD_S_MAX
        while time.monotonic() < until_s:
            if all(len(listener.latencies_s) >= each for listener in self._listeners):
                break
            time.sleep(0.005)
        taken = [delay for listener in self._listeners for delay in listener.latencies_s]
        for listener in self._listeners:
            listener.latencies_s = []
        return taken

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        for begin in range(0, self._count, AT_ONCE):
            count = min(AT_ONCE, self._count - begin)
            made = [
                loop.create_connection(lambda: Listener(self._group), "127.0.0.1", self._port)
                for _ in range(count)
            ]
            listeners = [listener for _, listener in await asyncio.gather(*made)]
            await asyncio.gather(*(listener.is_joined.wait() for listener in listeners))
            self._listeners += listeners


def _join(group: str) -> bytes:
    data = {"streamName": "ticks", "groupId": group, "subscriptionId": "s"}
    payload = json.dumps({"type": "join", "data": data}).encode()
    assert len(payload) < _MASKED_SMALL, "a short frame"
    # A mask of zeros changes nothing, and a server does not mind.
    return bytes([0x81, 0x80 | len(payload)]) + bytes(4) + payload
