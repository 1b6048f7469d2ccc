"""Wake-ups between processes: a datagram to each one's socket beside the environment.

A wake-up is a hint, the content is in the store: one that is lost costs time and no data. So
nothing here blocks, retries or is awaited.
"""

from __future__ import annotations

import _socket  # gevent replaces the class in `socket` by one that needs its loop
import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from motia_actors.messages import Wake
from motia_actors.store import Notifier
from motia_actors.threads import NativeThread

_DATAGRAM_BYTES_MAX = 32 * 1024
_ADDRESS_BYTES_MAX = 100  # sun_path has 108 on Linux and 104 elsewhere
_CLOSE_S_MAX = 5.0
_SUFFIX = ".sock"
_SETTLE_NS = 1_000_000_000

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Wake)


class SocketNotifier(Notifier):
    """Calls those who listen, here and in the other processes.

    A Wake without steps and streams says that anything may have changed: what there was to say
    did not fit into a datagram.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._callbacks: tuple[Callable[[Wake], None], ...] = ()
        self._name = ""
        self._folder = -1
        self._socket: _socket.socket | None = None
        self._thread: NativeThread | None = None
        self._is_closing = False
        self._known: list[str] = []
        self._read_ns = 0

    def listen(self, callback: Callable[[Wake], None]) -> None:
        """Call callback after every commit that woke something, whichever process made it."""
        self._callbacks += (callback,)

    def open(self, owner: bytes) -> None:
        """Take a socket named for the owner and start to listen on it."""
        self._path.mkdir(parents=True, exist_ok=True)
        self._folder = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        self._name = owner.hex() + _SUFFIX
        self._is_closing = False
        mine = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM)
        mine.bind(self._address(self._name))
        self._socket = mine
        self._thread = NativeThread(lambda: self._receive(mine), name="motia-wake")
        self._thread.start()

    def tell(self, wake: Wake) -> None:
        """Tell everybody; called on the writer's thread."""
        if not wake.steps and not wake.streams:
            return
        self._call(wake)
        others = self._others()
        if others:
            datagram = _datagram(wake)
            for name in others:
                self._send(name, datagram)

    def close(self) -> None:
        """Stop to listen and remove the socket."""
        mine, self._socket = self._socket, None
        if mine is None or self._thread is None:
            return
        self._is_closing = True
        mine.shutdown(_socket.SHUT_RDWR)
        self._thread.join(_CLOSE_S_MAX)
        mine.close()
        (self._path / self._name).unlink(missing_ok=True)
        os.close(self._folder)

    def _address(self, name: str) -> str:
        """A name for the socket that fits, however deep the folder is."""
        direct = str(self._path / name)
        if len(os.fsencode(direct)) <= _ADDRESS_BYTES_MAX:
            return direct
        return f"/proc/self/fd/{self._folder}/{name}"

    def _others(self) -> list[str]:
        """Names of the other processes' sockets; read anew where the folder has changed."""
        try:
            changed_ns = os.fstat(self._folder).st_mtime_ns
            if changed_ns != self._read_ns:
                names = [file.name for file in self._path.iterdir() if file.suffix == _SUFFIX]
                self._known = [name for name in names if name != self._name]
                # A change in the same tick of the file system's clock would look like none.
                is_settled = time.time_ns() - changed_ns > _SETTLE_NS
                self._read_ns = changed_ns if is_settled else 0
        except OSError:
            return []  # Somebody removed the folder: no hint can be given, nothing is lost.
        return self._known

    def _send(self, name: str, datagram: bytes) -> None:
        assert self._socket is not None, "told before open"
        try:
            self._socket.sendto(datagram, _socket.MSG_DONTWAIT, self._address(name))
        except (ConnectionRefusedError, FileNotFoundError):
            # Its process died and left the file behind.
            with contextlib.suppress(OSError):
                (self._path / name).unlink(missing_ok=True)
        except OSError:
            # It has wake-ups enough waiting (EAGAIN, ENOBUFS), and will look at everything.
            return

    def _receive(self, mine: _socket.socket) -> None:
        while True:
            datagram = mine.recv(_DATAGRAM_BYTES_MAX)
            if self._is_closing:
                return
            self._call(_wake(datagram))

    def _call(self, wake: Wake) -> None:
        for callback in self._callbacks:
            callback(wake)


def _datagram(wake: Wake) -> bytes:
    try:
        datagram = _encoder.encode(wake)
    except UnicodeEncodeError:
        return b""
    return datagram if len(datagram) <= _DATAGRAM_BYTES_MAX else b""


def _wake(datagram: bytes) -> Wake:
    try:
        return _decoder.decode(datagram)
    except msgspec.MsgspecError:
        return Wake()
