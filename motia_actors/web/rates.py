"""How many requests a step takes: a bucket for each client, shared by all workers.

A bucket holds `count` requests and fills up again evenly over `period_s`. It is one number, the
time at which it will be full (the "theoretical arrival time" of the generic cell rate algorithm,
ITU-T I.371), so taking from it is a comparison and a sum.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
from collections.abc import Callable
from hashlib import blake2b
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import Any, NamedTuple

import falcon

from motia_actors.steps.config import RateLimit
from motia_actors.threads import allocate_lock
from motia_actors.web.answers import Endpoint, Response, retry_after

ROWS = 8192
PLACES = 8
"""In a row: so many clients whose digests begin alike are known at a time."""
_PLACE = struct.Struct("<8sq")
_ROW_BYTES = PLACES * _PLACE.size
_LOCKS = 64


class Taken(NamedTuple):
    """What came of asking a bucket. `full_ns`: when it is to be full again."""

    is_allowed: bool
    full_ns: int
    remaining: int
    reset_s: float
    retry_s: float


def take(full_ns: int, now_ns: int, limit: RateLimit) -> Taken:
    """Take one request from the bucket that is full at full_ns. Pure.

    Times are whole nanoseconds since 1970: a sum of many steps stays exact enough.
    """
    period_ns = round(limit.period_s * 1e9)
    step_ns = max(1, round(period_ns / limit.count))
    # Where the clock was put back a bucket is at most empty.
    wait_ns = min(max(0, full_ns - now_ns), period_ns)
    # Half a step of slack: count times the rounded step is not quite the period.
    if wait_ns + step_ns > period_ns + step_ns // 2:
        retry_s = max(0, wait_ns + step_ns - period_ns) / 1e9
        return Taken(False, now_ns + wait_ns, 0, wait_ns / 1e9, retry_s)
    wait_ns += step_ns
    remaining = max(0, (period_ns - wait_ns + step_ns // 2) // step_ns)
    return Taken(True, now_ns + wait_ns, remaining, wait_ns / 1e9, 0.0)


class RateTable:
    """Buckets by key, in memory that the workers of a data folder share.

    It does not grow: where a row is full, the bucket that is fullest makes room.

    Args:
        path: The file they share, made when first needed; None: this process shares with nobody.
    """

    def __init__(self, path: Path | None, now_s: Callable[[], float]) -> None:
        self._path, self._now_s = path, now_s
        self._fd = -1
        self._rows: mmap.mmap | None = None
        self._opening = allocate_lock()
        self._locks = [allocate_lock() for _ in range(_LOCKS)]

    def take(self, key: bytes, limit: RateLimit) -> Taken:
        """Take one request from the bucket of key. Any thread of any worker may.

        Raises:
            OSError: the file cannot be made or locked.
        """
        rows = self._rows or self._open()
        digest = blake2b(key, digest_size=8).digest()
        row = int.from_bytes(digest[:4], "little") % ROWS
        with self._locks[row % _LOCKS]:
            if self._fd < 0:
                return self._take(rows, row, digest, limit)
            # Locks of this kind are the process', so threads hold one of ours around it.
            fcntl.lockf(self._fd, fcntl.LOCK_EX, _ROW_BYTES, row * _ROW_BYTES)
            try:
                return self._take(rows, row, digest, limit)
            finally:
                fcntl.lockf(self._fd, fcntl.LOCK_UN, _ROW_BYTES, row * _ROW_BYTES)

    def close(self) -> None:
        """Let go of the file."""
        rows, self._rows = self._rows, None
        if rows is not None:
            rows.close()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _take(self, rows: mmap.mmap, row: int, digest: bytes, limit: RateLimit) -> Taken:
        start = row * _ROW_BYTES
        places = list(_PLACE.iter_unpack(rows[start : start + _ROW_BYTES]))
        at = next((at for at, (held, _) in enumerate(places) if held == digest), None)
        full_ns = 0
        if at is None:
            at = min(range(PLACES), key=lambda one: places[one][1])
        else:
            full_ns = places[at][1]
        taken = take(full_ns, round(self._now_s() * 1e9), limit)
        _PLACE.pack_into(rows, start + at * _PLACE.size, digest, taken.full_ns)
        return taken

    def _open(self) -> mmap.mmap:
        with self._opening:
            if self._rows is None:
                size = ROWS * _ROW_BYTES
                if self._path is not None:
                    self._path.parent.mkdir(parents=True, exist_ok=True)
                    self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                    os.ftruncate(self._fd, size)
                self._rows = mmap.mmap(self._fd, size)
            return self._rows


def limited(
    endpoint: Endpoint, step_id: str, limit: RateLimit, table: RateTable, *, proxies: int
) -> Endpoint:
    """The endpoint behind its rate limit; its answers say what is left.

    Args:
        endpoint: Is asked where the limit allows it.
        step_id: Steps have buckets of their own.
        limit: What each client may.
        table: Has the buckets.
        proxies: How many proxies stand before us and write X-Forwarded-For.
    """
    prefix = f"{step_id}\0".encode()
    policy = f"{limit.count};w={limit.period_s:g}"

    def answer(req: falcon.Request, resp: Response, params: dict[str, str]) -> None:
        taken = table.take(prefix + client_of(req.env, limit.by, proxies=proxies), limit)
        headers = {
            "ratelimit-policy": policy,
            "ratelimit-limit": str(limit.count),
            "ratelimit-remaining": str(taken.remaining),
            "ratelimit-reset": retry_after(taken.reset_s)["retry-after"],
        }
        if not taken.is_allowed:
            headers |= retry_after(taken.retry_s)
            resp.fill_json(429, {"error": "Too many requests"}, headers)
            return
        try:
            endpoint(req, resp, params)
        finally:
            resp.add_missing(headers)

    return answer


def client_of(environ: dict[str, Any], by: str, *, proxies: int) -> bytes:
    """Who asks, as the limit counts: everybody, a header's value, or an address.

    A request without the header is counted by its address, so that leaving it out is no way out.
    """
    if by == "all":
        return b""
    if by != "ip":
        name = by.partition(":")[2].upper().replace("-", "_")
        value: str | None = environ.get(f"HTTP_{name}")
        if value:
            return b"header\0" + value.encode("latin-1", "replace")
    return b"ip\0" + _network(address_of(environ, proxies=proxies)).encode()


def address_of(environ: dict[str, Any], *, proxies: int) -> str:
    """The client's address: the connection's, or what the outermost of our proxies saw."""
    if proxies:
        seen = [one.strip() for one in environ.get("HTTP_X_FORWARDED_FOR", "").split(",")]
        # Each proxy adds at the end whom it was asked by; what stands before was sent by anybody.
        if len(seen) >= proxies and seen[-proxies]:
            return str(seen[-proxies])
    address: str = environ.get("REMOTE_ADDR", "")
    return address


def _network(address: str) -> str:
    """The address; of IPv6 the /64, which is what one client has to itself."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        mapped = parsed.ipv4_mapped
        return str(mapped) if mapped else parsed.packed[:8].hex()
    return address
