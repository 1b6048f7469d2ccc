"""Requests at a rate, whatever becomes of those before them: as clients that do not wait come.

A closed loop of connections slows down with its server and so hides what a queue does; here each
request has its time, and its latency counts from then.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence

import msgspec

from bench.load import Request
from bench.rows import percentile_ms

ANSWER_S_MAX = 30.0
CONNECTIONS_MAX = 2000


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a load: answers a second, their latencies, and how many were refused."""

    per_s: float
    p50_ms: float
    p99_ms: float
    mean_ms: float
    rejected: float
    """The share of all requests that got a 503."""
    failed: float
    """The share of all that got no answer, or another one that is no success."""


def load(
    port: int, requests: Sequence[Request], *, per_s: float, seconds: float, seed: int = 1
) -> Seen:
    """Send per_s requests a second for so many seconds, at random moments as of many clients."""
    return asyncio.run(_Load(port, requests, random.Random(seed)).run(per_s, seconds))


class _Load:
    def __init__(self, port: int, requests: Sequence[Request], chance: random.Random) -> None:
        self._port, self._chance = port, chance
        self._requests = [request.to_bytes() for request in requests]
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._open = asyncio.Semaphore(CONNECTIONS_MAX)
        self._took_s: list[float] = []
        self._rejected = self._failed = 0

    async def run(self, per_s: float, seconds: float) -> Seen:
        begun_s = due_s = time.monotonic()
        tasks = []
        while due_s < begun_s + seconds:
            wait_s = due_s - time.monotonic()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            tasks.append(asyncio.create_task(self._ask(due_s)))
            due_s += self._chance.expovariate(per_s)
        await asyncio.gather(*tasks)
        ended_s = max(time.monotonic() - begun_s, seconds)
        for _, writer in self._idle:
            writer.close()
        count = max(1, len(tasks))
        return Seen(
            per_s=len(self._took_s) / ended_s,
            p50_ms=percentile_ms(self._took_s, 0.5),
            p99_ms=percentile_ms(self._took_s, 0.99),
            mean_ms=sum(self._took_s) / max(1, len(self._took_s)) * 1000,
            rejected=self._rejected / count,
            failed=self._failed / count,
        )

    async def _ask(self, due_s: float) -> None:
        async with self._open:
            try:
                async with asyncio.timeout(ANSWER_S_MAX):
                    status = await self._exchange(self._chance.choice(self._requests))
            except (OSError, TimeoutError, asyncio.IncompleteReadError):
                self._failed += 1
                return
        if status == 503:
            self._rejected += 1
        elif status >= 400:
            self._failed += 1
        else:
            self._took_s.append(time.monotonic() - due_s)

    async def _exchange(self, request: bytes) -> int:
        connection = self._idle.pop() if self._idle else None
        if connection is None:
            connection = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = connection
        is_kept = False
        try:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = head.lower().partition(b"content-length:")[2].partition(b"\r")[0]
            await reader.readexactly(int(length or 0))
            is_kept = b"connection: close" not in head.lower()
        finally:
            if not is_kept:
                writer.close()
        if is_kept:
            self._idle.append(connection)
        return int(head.split(b" ", 2)[1])
