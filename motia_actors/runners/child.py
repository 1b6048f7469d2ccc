"""One child process that runs steps, and the two threads that read from it.

Any thread may ask it; nobody waits on the reading thread. Once the child is gone, everything
that was asked of it fails with ChildDiedError.
"""

from __future__ import annotations

import _socket
import fcntl
import itertools
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from motia_actors.errors import ChildDiedError, PayloadError
from motia_actors.promise import Promise
from motia_actors.runner import Effects
from motia_actors.runners import frames, remote
from motia_actors.threads import NativeThread, allocate_lock, native

_READ_BYTES = 1 << 18
_TAIL_LINES = 20
_CHANNEL, _LIFELINE = 3, 4
"""The numbers of the child's descriptors, as the child knows them: the socket, and a pipe that
closes when the parent is gone, which the kernel can tell of while the child is busy."""
_FREE_FROM = 16
"""Descriptors on their way to the child are kept clear of the numbers they get there."""
GONE_S = 0.5
"""A call that was given up and still runs after so long takes its process along."""


class _Asked:
    """What the child was asked and did not answer yet; `file` is whom to name if it dies."""

    __slots__ = ("effects", "file", "promise", "pulled")

    def __init__(self, file: str, effects: Effects | None) -> None:
        self.file, self.effects = file, effects
        self.pulled: Promise[bytes | None] | None = None
        self.promise: Promise[frames.Frame] = Promise()


class Child:
    """A running process; starts at once.

    Args:
        command: The program and its arguments.
        env: Its environment.
        on_given_up: Called after a call was given up, on whichever thread did that.
    """

    def __init__(
        self,
        command: Sequence[str],
        env: Mapping[str, str],
        *,
        on_given_up: Callable[[], None] = lambda: None,
    ) -> None:
        self.started_s = self.heard_s = time.monotonic()
        self.is_alive, self.is_ready = True, False
        self.killed_for = ""
        self.exit_code: int | None = None
        self.rss_bytes, self.served = 0, 0
        self.files: frozenset[str] = frozenset()
        """Files of the project that it has loaded, as far as it told."""
        self.prepared: Promise[frames.Frame] = Promise()
        """The answer to what it was asked first, where somebody asked before its first call."""
        self.on_end: Callable[[], None] = lambda: None
        """Called when the process is gone, on the reading thread."""
        self._on_given_up = on_given_up
        self._is_ending = False
        self._asked: dict[int, _Asked] = {}
        self._given_up: dict[int, float] = {}
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
    ) -> tuple[int, Promise[frames.Frame]] | None:
        """Send a frame that is answered by `done`; answers its id and the promise of that.

        None where the process is gone or on its way out: then another one is to be asked.
        """
        asked = _Asked(file, effects)
        asked_id = next(self._ids)
        data = frames.write(kind, id=asked_id, file=file, **fields)
        with self._guard:
            if not self.takes_calls:
                return None
            self._asked[asked_id] = asked
            self.served += kind == "call"
            names = self._streams if effects is None else effects.stream_names()
            if names != self._streams:
                self._streams = names
                data = frames.write("streams", names=names) + data
        self.send(data)
        return asked_id, asked.promise

    @property
    def takes_calls(self) -> bool:
        """It lives, and nobody told it to end."""
        return self.is_alive and not self._is_ending

    @property
    def open_count(self) -> int:
        """How much it was asked and did not answer yet."""
        return len(self._asked)

    def give_up(self, asked_id: int) -> None:
        """Nobody waits for the answer any more: the child lets go of it too, or is killed."""
        with self._guard:
            known = self._asked.pop(asked_id, None)
            if known is not None:
                self._given_up[asked_id] = time.monotonic() + GONE_S
        if known is not None:
            if known.pulled is not None:
                known.pulled.set(None)
            self.send(frames.write("cancel", id=asked_id))
            self._on_given_up()

    def pull(self, asked_id: int) -> Promise[bytes | None]:
        """Ask for the next piece of the body that a call answered with; None is the end."""
        promise: Promise[bytes | None] = Promise()
        with self._guard:
            asked = self._asked.get(asked_id)
            if asked is None:
                return Promise.broken(self._death("")) if not self.is_alive else Promise.of(None)
            asked.pulled = promise
        self.send(frames.write("pull", id=asked_id))
        return promise

    def late_s(self, now_s: float) -> float | None:
        """In how many seconds a call that was given up must be gone; None: there is none."""
        with self._guard:
            return min(self._given_up.values()) - now_s if self._given_up else None

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

    def end_if_idle(self) -> bool:
        """Have it end where it has nothing to answer; from then on it takes nothing more."""
        with self._guard:
            if self._asked:
                return False
            self._is_ending = True
        self.send(frames.write("exit"))
        return True

    def kill(self, why: str = "") -> None:
        """End it now; why is told in what its calls fail with."""
        with self._guard:
            self.killed_for = self.killed_for or why
            self._is_ending = True
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
        their_lifeline, self._lifeline = os.pipe()
        ends = [
            fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, _FREE_FROM)
            for end in (their_stderr, theirs.fileno(), their_lifeline)
        ]
        try:
            self.pid: int = native("os", "posix_spawn")(
                command[0],
                list(command),
                dict(env),
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                    *(
                        (os.POSIX_SPAWN_DUP2, end, number)
                        for end, number in zip(ends, (2, _CHANNEL, _LIFELINE), strict=True)
                    ),
                ],
                # Ctrl-C is for the parent, which ends its children itself.
                setpgroup=0,
            )
        except BaseException:
            self._socket.close()
            os.close(self._stderr)
            os.close(self._lifeline)
            raise
        finally:
            theirs.close()
            for end in (their_stderr, their_lifeline, *ends):
                os.close(end)

    def _read(self) -> None:
        lines = frames.Lines()
        try:
            while data := self._socket.recv(_READ_BYTES):
                for line in lines.feed(data):
                    self._receive(frames.read(line))
        except PayloadError as error:
            self._tail.append(str(error))
        except OSError:
            pass  # It died while we wrote to it; its exit code says more.
        self._bury()

    def _receive(self, frame: frames.Frame) -> None:
        match frame.t:
            case "rpc":
                asked = self._asked.get(frame.call)
                if asked is None or asked.effects is None:
                    self.send(remote.too_late(frame))
                else:
                    remote.serve(asked.effects, frame, self.send)
            case "done":
                with self._guard:
                    # One whose body is still to come stays, and may go on asking.
                    find = self._asked.get if frame.s else self._asked.pop
                    done = find(frame.id, None)
                if done is not None and not done.promise.set(frame) and done.pulled is not None:
                    done.pulled.set_error(frames.broken(frame.e or {}))
            case "piece":
                self._receive_piece(frame)
            case "gone":
                with self._guard:
                    self._given_up.pop(frame.id, None)
            case "log":
                logged = self._asked.get(frame.call)
                if logged is not None and logged.effects is not None:
                    logged.effects.log(frame.level, frame.m, frame.f)
                else:
                    sys.stderr.write(f"{frame.m}\n")
            case "pong":
                self.heard_s, self.rss_bytes = time.monotonic(), frame.v or 0
            case "files":
                self.files = frozenset(frame.v)
            case "ready":
                self.heard_s, self.is_ready = time.monotonic(), True

    def _receive_piece(self, frame: frames.Frame) -> None:
        with self._guard:
            asked = self._asked.get(frame.id)
            if frame.b is None:
                self._asked.pop(frame.id, None)
        if asked is None or asked.pulled is None:
            return
        if frame.e is not None:
            asked.pulled.set_error(frames.broken(frame.e))
        else:
            asked.pulled.set(None if frame.b is None else frames.bytes_of(frame.b))

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
        os.close(self._lifeline)
        self.on_end()
        for one in asked.values():
            death = self._death(one.file)
            one.promise.set_error(death)
            if one.pulled is not None:
                one.pulled.set_error(death)

    def _death(self, file: str) -> ChildDiedError:
        return ChildDiedError(
            file,
            exit_code=self.exit_code,
            killed_for=self.killed_for,
            tail="\n".join(self._tail),
        )
