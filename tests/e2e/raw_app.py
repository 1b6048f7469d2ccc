"""A WSGI application that shows what a server makes of a request."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterable
from typing import Any, cast

from motia_actors.web.loop import LoopThread

LOOP = LoopThread()
SHEETS = list[str]()
"""Those that were answered."""


class Echo(asyncio.Protocol):
    """Says back what it hears."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._transport.write(b"echo:" + data)

    def begin_close(self) -> None:
        self._transport.write(b"bye")
        self._transport.close()


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer by the path."""
    path = environ["PATH_INFO"]
    if path.endswith("/take"):
        headers = [("Upgrade", "echo"), ("Connection", "Upgrade")]
        environ["motia_actors.take_over"]("101 Switching Protocols", headers, Echo, LOOP)
        return []
    if path == "/lent/hang":
        time.sleep(2.0)
    if path.endswith("/nap"):
        time.sleep(random.choice((0.001, 0.004, 0.006, 0.05)))
    if path.endswith("/boom"):
        raise RuntimeError("hunter2")
    if path == "/slow":
        time.sleep(0.5)
    if path.endswith("/stream"):
        start_response("200 OK", [])
        return (b"%d," % number for number in range(3))
    if path.endswith("/big"):
        start_response("200 OK", [("Content-Length", str(8 << 20))])
        return (b"x" * (1 << 20) for _ in range(8))
    if path.endswith("/sheet"):
        SHEETS.append(path)
        start_response("200 OK", [("Content-Length", "60000")])
        return [b"x" * 60000]
    if path == "/sheets":
        start_response("200 OK", [])
        return [b"%d" % len(SHEETS)]
    body = b"%s %s " % (environ["REQUEST_METHOD"].encode(), path.encode())
    body += environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


def _is_swift(environ: dict[str, Any]) -> bool:
    return bool(environ["PATH_INFO"].startswith("/lent"))


app.is_swift = _is_swift  # type: ignore[attr-defined]  # what the worker looks for
