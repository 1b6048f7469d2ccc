"""One child process that runs steps, and the two threads that read from it.

Any thread may ask it; nobody waits on the reading thread. Once the child is gone, everything
that was asked of it fails with ChildDiedError.
"""

from __future__ import annotations

import _socket
import itertools
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Mapping, Sequence

from motia_actors.errors import ChildDiedError, PayloadError
from motia_actors.promise import Promise
from motia_actors.runner import Effects
from motia_actors.runners import frames, remote
from motia_actors.threads import NativeThread, allocate_lock, native

_READ_BYTES = 1 << 18
_TAIL_LINES = 20
_CHANNEL = 3
"""The number of the child's end of the socket, as the child knows it."""


class _Asked:
    """What the child was asked and did not answer yet; `file` is whom to name if it dies."""

    __slots__ = ("effects", "file", "promise")

    def __init__(self, file: str, effects: Effects | None) -> None:
        self.file, self.effects = file, effects
        self.promise: Promise[frames.Frame] = Promise()


class Child:
    """A running process; starts at once.

    Args:
        command: The program and its arguments.
        env: Its environment.
    """

    def __init__(self, command: Sequence[str], env: Mapping[str, str]) -> None:
        self.started_s = self.heard_s = time.monotonic()
        self.is_alive, self.is_hung, self.is_ready = True, False, False
        self.exit_code: int | None = None
        self.rss_bytes = 0
        self._asked: dict[int, _Asked] = {}
        self._ids = itertools.count(1)
        self._guard = allocate_lock()
        self._out: list[bytes] = []
        self._is_writing = False
        self._streams: tuple[str, ...] | None = None
        self._tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self._spawn(command, env)
        self._reader = NativeThread(self._read, name=f"child-{self.pid}")
        self._reader.start()
        self._listener = NativeThread(self._listen, name=f"child-{self.pid}-stderr")
        self._listener.start()

    def ask(
        self, kind: str, /, *, file: str, effects: Effects | None = None, **fields: object
    ) -> tuple[int, Promise[frames.Frame]]:
        """Send a frame that is answered by `done`; answers its id and the promise of that."""
        asked = _Asked(file, effects)
        asked_id = next(self._ids)
        data = frames.write(kind, id=asked_id, file=file, **fields)
        with self._guard:
            if self.is_alive:
                self._asked[asked_id] = asked
            else:
                asked.promise.set_error(self._death(file))
                return asked_id, asked.promise
            names = self._streams if effects is None else effects.stream_names()
            if names != self._streams:
                self._streams = names
                data = frames.write("streams", names=names) + data
        self.send(data)
        return asked_id, asked.promise

    @property
    def open_count(self) -> int:
        """How much it was asked and did not answer yet."""
        return len(self._asked)

    def give_up(self, asked_id: int) -> None:
        """Nobody waits for the answer any more: the child lets go of it too."""
        with self._guard:
            known = self._asked.pop(asked_id, None)
        if known is not None:
            self.send(frames.write("cancel", id=asked_id))

    def send(self, data: bytes) -> None:
        """Write to the child, with whatever other threads want to write at this moment."""
        with self._guard:
            self._out.append(data)
            if self._is_writing:
                return
            self._is_writing = True
        while True:
            with self._guard:
                batch, self._out = self._out, []
                if not batch or not self.is_alive:
                    self._is_writing = False
                    return
            try:
                self._socket.sendall(b"".join(batch))
            except OSError:
                continue  # It is gone: the reading thread finds out, and says so to all.

    def kill(self, *, is_hung: bool = False) -> None:
        """End it now; `is_hung` says why in what its calls fail with."""
        self.is_hung = self.is_hung or is_hung
        with self._guard:
            if self.exit_code is None:
                try:
                    os.kill(self.pid, signal.SIGKILL)
                except ProcessLookupError:
                    return

    def close(self, wait_s: float = 2.0) -> None:
        """Ask it to end, wait, and make it end."""
        self.send(frames.write("exit"))
        if not self._reader.join(wait_s):
            self.kill()
            self._reader.join(wait_s)

    def _spawn(self, command: Sequence[str], env: Mapping[str, str]) -> None:
        # From C and not from `socket`, which gevent replaces.
        self._socket, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_STREAM)
        self._stderr, their_stderr = os.pipe()
        try:
            self.pid: int = native("os", "posix_spawn")(
                command[0],
                list(command),
                dict(env),
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_DUP2, their_stderr, 2),
                    (os.POSIX_SPAWN_DUP2, theirs.fileno(), _CHANNEL),
                ],
                # Ctrl-C is for the parent, which ends its children itself.
                setpgroup=0,
            )
        except BaseException:
            self._socket.close()
            os.close(self._stderr)
            raise
        finally:
            theirs.close()
            os.close(their_stderr)

    def _read(self) -> None:
        lines = frames.Lines()
        try:
            while data := self._socket.recv(_READ_BYTES):
                for line in lines.feed(data):
                    self._receive(frames.read(line))
        except (OSError, PayloadError) as error:
            self._tail.append(str(error))
        self._bury()

    def _receive(self, frame: frames.Frame) -> None:
        match frame.t:
            case "rpc":
                asked = self._asked.get(frame.call)
                if asked is not None and asked.effects is not None:
                    remote.serve(asked.effects, frame, self.send)
            case "done":
                with self._guard:
                    done = self._asked.pop(frame.id, None)
                if done is not None:
                    done.promise.set(frame)
            case "log":
                logged = self._asked.get(frame.call)
                if logged is not None and logged.effects is not None:
                    logged.effects.log(frame.level, frame.m, frame.f)
                else:
                    sys.stderr.write(f"{frame.m}\n")
            case "pong":
                self.heard_s, self.rss_bytes = time.monotonic(), frame.v or 0
            case "ready":
                self.heard_s, self.is_ready = time.monotonic(), True

    def _listen(self) -> None:
        """Pass on what it writes to stderr; the end of it is what its death is told with."""
        with open(self._stderr, "rb", buffering=0) as pipe:  # noqa: PTH123 (a descriptor)
            while data := pipe.read(_READ_BYTES):
                text = data.decode("utf-8", "replace")
                self._tail.extend(text.splitlines())
                sys.stderr.write(text)

    def _bury(self) -> None:
        self.kill()
        try:
            _, status = native("os", "waitpid")(self.pid, 0)
            code = os.waitstatus_to_exitcode(status)
        except ChildProcessError:  # Somebody else waits for all children of the process.
            code = -1
        # What it said last is worth a moment; a grandchild may keep the pipe open for longer.
        self._listener.join(0.5)
        with self._guard:
            self.is_alive, self.exit_code = False, code
            asked, self._asked = self._asked, {}
        self._socket.close()
        for one in asked.values():
            one.promise.set_error(self._death(one.file))

    def _death(self, file: str) -> ChildDiedError:
        return ChildDiedError(
            file, exit_code=self.exit_code, is_hung=self.is_hung, tail="\n".join(self._tail)
        )
