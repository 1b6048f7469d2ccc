"""What waits for one client: nothing while it keeps up, and a bounded queue while it does not."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Hashable


class Outbox:
    """Writes to a transport, or keeps back what its reader is too slow for.

    All calls are made on the loop's thread.
    """

    __slots__ = ("_bytes_max", "_count", "_is_paused", "_queue", "_queue_bytes", "_transport")

    def __init__(self, transport: asyncio.Transport, *, bytes_max: int) -> None:
        self._transport, self._bytes_max = transport, bytes_max
        self._queue: OrderedDict[Hashable, bytes] = OrderedDict()
        self._queue_bytes = self._count = 0
        self._is_paused = False

    def send(self, data: bytes, *, key: Hashable = None) -> bool:
        """Send data after what came before it; False, and all is dropped, past the limit.

        While the reader is slow, what has a key takes the place of what is unsent under it.
        """
        if not self._is_paused:
            self._transport.write(data)
            return True
        if key is None:
            self._count += 1
            key = self._count
        # Its place is the newest too: what stands between may be about the same item.
        self._queue_bytes += len(data) - len(self._queue.pop(key, b""))
        self._queue[key] = data
        if self._queue_bytes > self._bytes_max:
            self.clear()
            return False
        return True

    def pause(self) -> None:
        """The client does not keep up."""
        self._is_paused = True

    def resume(self) -> None:
        """It caught up: send what waits, as far as it goes."""
        self._is_paused = False
        while self._queue and not self._is_paused:
            _, data = self._queue.popitem(last=False)
            self._queue_bytes -= len(data)
            self._transport.write(data)

    def clear(self) -> None:
        """Drop what waits."""
        self._queue.clear()
        self._queue_bytes = 0
