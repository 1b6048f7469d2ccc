"""The program of a Python child: runs one step in a process of its own.

    python -m motia_actors.runners.python_child {"root": …, "file": …}

It is asked by its parent over a socket (see `frames.py`) and asks back for whatever its context
does. The main thread imports the step and then runs its event loop; one thread reads, one
answers pings while the others are busy.
"""

from __future__ import annotations

import _socket
import asyncio
import fcntl
import os
import resource
import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec

from motia_actors.errors import ConfigError, PayloadError, StepLoadError
from motia_actors.messages import Call, Delivery, Event, Failed, Outcome, Request, StepKind, Trigger
from motia_actors.payload import decode, encode
from motia_actors.runner import Handler, Loaded
from motia_actors.runners import frames
from motia_actors.runners.failures import failed
from motia_actors.runners.outgoing import OutgoingBodies
from motia_actors.runners.pool import ThreadPool
from motia_actors.runners.python import PythonRunner
from motia_actors.runners.remote_effects import Line, RemoteEffects
from motia_actors.steps.schema_forms import schema_of
from motia_actors.threads import NativeThread, Signal, allocate_lock

CHANNEL, LIFELINE = 3, 4
READ_BYTES = 1 << 18
PAGE_BYTES = resource.getpagesize()
F_SETSIG = 10  # Not in `fcntl`; the number is the kernel's.


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What the parent starts it with; `ram_bytes` 0: any."""

    root: str
    file: str
    state_envelope: bool = False
    ram_bytes: int = 0


class Incoming(msgspec.Struct, kw_only=True):
    """What the parent sends; which fields are set depends on `t`."""

    t: str
    id: int = 0
    file: str = ""
    kind: StepKind = "api"
    input: msgspec.Raw = msgspec.Raw(b"null")
    bytes: list[list[Any]] = []
    trace_id: str = msgspec.field(name="traceId", default="")
    flows: tuple[str, ...] = ()
    delivery: dict[str, Any] | None = None
    trigger: Trigger | None = None
    v: Any = None
    e: dict[str, Any] | None = None
    names: tuple[str, ...] = ()


class Wire:
    """Writes frames to the parent; any thread may."""

    def __init__(self, socket: _socket.socket) -> None:
        self._socket, self._lock = socket, allocate_lock()

    def send(self, data: bytes) -> None:
        """Write whole frames. Where the parent is gone this process ends anyway."""
        with self._lock:
            try:
                self._socket.sendall(data)
            except OSError:
                os._exit(0)


class Program:
    """All of the child."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._socket = _socket.socket(fileno=CHANNEL)
        self._wire = Wire(self._socket)
        self._line = Line(self._wire.send)
        self._runner = PythonRunner(Path(options.root), state_envelope=options.state_envelope)
        self._handler: Handler | None = None
        self._pool = ThreadPool()
        self._loop = asyncio.new_event_loop()
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._streams = OutgoingBodies(self._wire.send)
        self._asked_to_load: list[int] = []
        self._must_load, self._pinged = Signal(), Signal()
        self._module_count = 0

    def run(self) -> None:
        """Serve until the parent ends it."""
        NativeThread(self._read, name="frames").start()
        NativeThread(self._pong, name="pong").start()
        self._send("ready")
        self._must_load.wait()
        self._load(self._asked_to_load[0])
        asyncio.set_event_loop(self._loop)
        while True:
            try:
                self._loop.run_forever()
            except (SystemExit, KeyboardInterrupt):
                # Of a task that a handler made; the handler gets it where it awaits the task.
                continue

    def _send(self, kind: str, /, **fields: object) -> None:
        self._wire.send(encode({"t": kind, **fields}) + b"\n")

    # Loading.

    def _load(self, asked_id: int) -> None:
        try:
            loaded = self._runner.load(Path(self._options.file))
            line = frames.write("done", id=asked_id, v=described(loaded))
        except StepLoadError as error:
            told = {"name": "StepLoadError", "message": error.reason, "line": error.line}
            line = frames.write("done", id=asked_id, e=told)
        except PayloadError as error:
            told = {"name": "StepLoadError", "message": f"its config {error}", "line": None}
            line = frames.write("done", id=asked_id, e=told)
        else:
            self._handler = loaded.handler
        self._tell_files()
        self._wire.send(line)

    def _tell_files(self) -> None:
        if len(sys.modules) == self._module_count:
            return
        self._module_count = len(sys.modules)
        self._send("files", v=self._runner.loaded_files())

    # Frames.

    def _read(self) -> None:
        lines = frames.Lines()
        decoder = msgspec.json.Decoder(Incoming)
        try:
            while data := self._socket.recv(READ_BYTES):
                for line in lines.feed(data):
                    self._receive(decoder.decode(line))
        except OSError:
            pass  # The parent is gone, as at the end of what it sends.
        except BaseException as error:  # noqa: BLE001 (without this thread nothing works)
            os.write(2, f"the child's wire broke: {type(error).__name__}: {error}\n".encode())
        os._exit(0)

    def _receive(self, frame: Incoming) -> None:
        match frame.t:
            case "call":
                self._loop.call_soon_threadsafe(self._begin, frame)
            case "res":
                self._line.replied(frame.id, frame.v, frame.e)
            case "ping":
                self._pinged.set()
            case "streams":
                self._line.streams = frame.names
            case "pull":
                self._streams.pull(frame.id)
            case "cancel":
                self._loop.call_soon_threadsafe(self._cancel, frame.id)
            case "load":
                self._asked_to_load.append(frame.id)
                self._must_load.set()
            case "exit":
                os._exit(0)

    def _pong(self) -> None:
        # On a thread of its own: the one that reads must never wait for the parent to read.
        while self._pinged.wait():
            self._send("pong", v=rss_bytes())
            self._tell_files()

    # Calls; on the loop.

    def _begin(self, frame: Incoming) -> None:
        handler = self._handler
        if handler is None:
            told = {"name": "LoadError", "message": f"{frame.file} did not load in this process"}
            self._send("done", id=frame.id, e=told)
            return
        try:
            call = call_of(frame)
        except PayloadError as error:
            self._end(frame.id, failed(error))
            return
        effects = RemoteEffects(call, frame.id, self._line)
        if handler.is_async:
            task = self._loop.create_task(self._run(frame.id, handler, effects))
            self._tasks[frame.id] = task
            task.add_done_callback(lambda _: self._tasks.pop(frame.id, None))
        else:
            run = handler.run
            self._pool.submit(lambda: self._end(frame.id, run(call, effects)))

    async def _run(self, call_id: int, handler: Handler, effects: RemoteEffects) -> None:
        try:
            outcome = await handler.run_async(effects.call, effects)
        except asyncio.CancelledError:
            # Told only now that it has ended: until then the parent may lose patience.
            self._send("gone", id=call_id)
            raise
        self._end(call_id, outcome)

    def _cancel(self, call_id: int) -> None:
        if self._streams.close(call_id):
            return
        task = self._tasks.get(call_id)
        if task is not None:
            task.cancel()

    def _end(self, call_id: int, outcome: Outcome) -> None:
        outcome, is_streamed = self._streams.keep(call_id, outcome)
        try:
            line = answer_of(call_id, outcome, is_streamed=is_streamed)
        except PayloadError as error:
            line = answer_of(call_id, failed(error))
        self._wire.send(line)


def described(loaded: Loaded) -> dict[str, object]:
    """What a step file exports, as data: schemas are JSON Schema, middleware stays here."""
    config = None if loaded.config is None else dict(loaded.config)
    if config is not None:
        config.pop("middleware", None)
        for name in ("input", "bodySchema"):
            if name in config:
                config[name] = schema_data(config[name])
        responses = config.get("responseSchema")
        if isinstance(responses, Mapping):
            config["responseSchema"] = {
                str(status): schema_data(schema) for status, schema in responses.items()
            }
        # What no config has is named by whoever reads it.
        config = {key: repr(one) if callable(one) else one for key, one in config.items()}
    return {"config": config, "hasHandler": loaded.handler is not None}


def schema_data(value: object) -> object:
    """JSON Schema of a model or a type; anything else as it is, or shown as text."""
    if value is None or isinstance(value, Mapping | str | int | float | list):
        return value
    try:
        return schema_of(value)
    except ConfigError:
        return repr(value)


def call_of(frame: Incoming) -> Call:
    """The call as its handler is to see it."""
    value = decode(bytes(frame.input))
    delivery = None
    if frame.kind == "api" and isinstance(value, dict):
        frames.restore_bytes(value, frame.bytes)
        value = Request(value)
    elif frame.delivery is not None:
        delivery = delivery_of(frame.delivery, bytes(frame.input))
    return Call(
        kind=frame.kind,
        trace_id=frame.trace_id,
        flows=frame.flows,
        input=None if frame.kind == "cron" else value,
        delivery=delivery,
        trigger=frame.trigger,
    )


def delivery_of(told: Mapping[str, Any], data: bytes) -> Delivery:
    """The delivery that a frame tells of; only the parent can end its lease."""
    event = msgspec.convert({**told["event"], "data": b""}, Event)
    return Delivery(
        event=msgspec.structs.replace(event, data=data),
        step=told["step"],
        attempt=told["attempt"],
        put_s=told["putS"],
        token=b"",
    )


def answer_of(call_id: int, outcome: Outcome, *, is_streamed: bool = False) -> bytes:
    """The frame that ends a call, or begins the pieces of its body. Raises PayloadError."""
    if isinstance(outcome, Failed):
        told: dict[str, object] = {
            "name": outcome.kind,
            "message": printable(outcome.message),
            "code": None,
            "stack": printable(outcome.stack),
        }
        if outcome.retry_after_s is not None:
            told["retryAfter"] = outcome.retry_after_s
        if outcome.is_final:
            told["isFinal"] = True
        return frames.write("done", id=call_id, e=told)
    if is_streamed:
        return frames.write("done", id=call_id, v=outcome.value, s=True)
    value, body = frames.apart(outcome.value)
    return frames.write("done", id=call_id, v=value, **({} if body is None else {"b": body}))


def printable(text: str) -> str:
    """Text that UTF-8 can hold."""
    return text.encode("utf-8", "backslashreplace").decode()


def rss_bytes() -> int:
    """Resident memory of this process; 0 where the system does not tell."""
    try:
        return int(Path("/proc/self/statm").read_bytes().split()[1]) * PAGE_BYTES
    except OSError:
        return 0


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent is gone, also while no thread can run.

    The pipe's other end is the parent's alone; when it closes, the kernel sends the signal.
    """
    if sys.platform == "linux":
        fcntl.fcntl(LIFELINE, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(LIFELINE, F_SETSIG, signal.SIGKILL)
        flags = fcntl.fcntl(LIFELINE, fcntl.F_GETFL)
        fcntl.fcntl(LIFELINE, fcntl.F_SETFL, flags | os.O_ASYNC)


def limit_memory(ram_bytes: int) -> None:
    """Refuse memory over ram_bytes: Python raises MemoryError where it asks for more.

    The limit is on data, not on address space, of which threads reserve more than they use.
    """
    if ram_bytes:
        threading.stack_size(1 << 20)  # Reserved whole for each thread, and counted.
        resource.setrlimit(resource.RLIMIT_DATA, (ram_bytes, ram_bytes))


def stay(_number: int, _frame: FrameType | None) -> None:
    """Do nothing: the parent decides when this ends."""


def main() -> None:
    """Run the child."""
    options = msgspec.json.decode(sys.argv[1], type=Options)
    sys.argv[1:] = []
    for end in (CHANNEL, LIFELINE):
        os.set_inheritable(end, False)  # What a handler starts must not keep them open.
    die_with_parent()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stay)
    limit_memory(options.ram_bytes)
    Program(options).run()


if __name__ == "__main__":
    main()
