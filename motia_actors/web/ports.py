"""Look whether an address is free before gunicorn tries for five seconds and gives up."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterable

from motia_actors.errors import SettingsError

INHERITED = frozenset({"GUNICORN_FD", "LISTEN_FDS"})
"""Set where sockets are handed to us that listen already: in an upgrade, or by systemd."""


def first_free(host: str, port: int, *, count_max: int) -> int:
    """The first port from port on, of count_max, that host can listen on.

    Raises:
        SettingsError: none of them is free, or host is no address of this machine.
    """
    for candidate in range(port, min(port + count_max, 65_536)):
        error = _refusal(host, candidate)
        if error is None:
            return candidate
        if error.errno != errno.EADDRINUSE:
            raise _unusable(host, candidate, error) from error
    raise SettingsError(
        f"ports {port} to {port + count_max - 1} of {host} are all in use; choose one with --port"
    )


def ensure_free(addresses: Iterable[object], *, is_shared: bool = False) -> None:
    """Find each (host, port) of addresses free; others, such as sockets' paths, are let pass.

    Args:
        addresses: As gunicorn's configuration has them.
        is_shared: Several programs listen on one port by intent (gunicorn's reuse_port).

    Raises:
        SettingsError: one is in use, or none of this machine's.
    """
    if is_shared or INHERITED & os.environ.keys():
        return
    for address in addresses:
        match address:
            case (str(host), int(port)):
                error = _refusal(host, port)
                if error is not None:
                    raise _unusable(host, port, error) from error
            case _:
                continue


def _refusal(host: str, port: int) -> OSError | None:
    """What the machine says to listening there; None: it can be done."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family) as listener:
            # As gunicorn does: connections of a server that just ended do not hold the port.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, port))
    except OSError as error:
        return error
    return None


def _unusable(host: str, port: int, error: OSError) -> SettingsError:
    if error.errno == errno.EADDRINUSE:
        return SettingsError(
            f"port {port} of {host} is in use; stop the program that listens there, "
            f"or choose another with --port or --bind"
        )
    reason = error.strerror or str(error)
    return SettingsError(
        f"cannot listen on {host}:{port}: {reason}; choose another with --host, --port or --bind"
    )
