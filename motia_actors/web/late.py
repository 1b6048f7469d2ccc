"""Answers a client whose thread is stuck in a handler.

Where a request's own thread runs the handler, nobody is left to answer when it hangs. Its time
being up, another thread writes the answer to the socket itself and closes it: nothing has been
written before, since WSGI sends nothing until the handler came back.
"""

from __future__ import annotations

import contextlib
import functools
import socket
from collections.abc import Callable, Mapping
from typing import Any

_BODY = b'{"error":"The step did not answer in time"}'
_ANSWER = (
    b"HTTP/1.1 504 Gateway Timeout\r\nContent-Type: application/json; charset=utf-8\r\n"
    b"Content-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(_BODY), _BODY)
)


def late_answer(environ: Mapping[str, Any]) -> Callable[[], None] | None:
    """What answers this request from another thread; None where that cannot be done.

    Our own worker answers itself. Others of gunicorn hand out their socket; one of HTTP/2 carries
    other requests as well.
    """
    if "motia_actors.desert" in environ:
        desert: Callable[[], None] | None = environ["motia_actors.desert"]
        return desert
    if "gunicorn.socket" not in environ or environ["SERVER_PROTOCOL"][:6] != "HTTP/1":
        return None
    return functools.partial(_answer, environ["gunicorn.socket"])


def _answer(connection: socket.socket) -> None:
    # A client that is gone needs no answer.
    with contextlib.suppress(OSError):
        connection.sendall(_ANSWER)
        connection.shutdown(socket.SHUT_RDWR)
