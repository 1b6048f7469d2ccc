"""Load and run JavaScript and TypeScript steps, in long-lived Node processes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from motia_actors.errors import (
    ChildDiedError,
    MissingExtraError,
    PayloadError,
    SettingsError,
    StepLoadError,
    TimeLimitError,
)
from motia_actors.messages import Call, Failed, Outcome, Returned
from motia_actors.promise import Promise
from motia_actors.runner import Effects, Handler, Loaded, Runner
from motia_actors.runners import frames
from motia_actors.runners.child import Child
from motia_actors.runners.children import Children
from motia_actors.runners.failures import failed
from motia_actors.runners.node_binary import find_node
from motia_actors.runners.waiting import wait_for
from motia_actors.threads import allocate_lock

PROGRAM = Path(__file__).parent / "javascript" / "child.mjs"
LOAD_S_MAX = 60.0
"""How long a file may take to load, its top-level `await` included."""
CONFIG_KEYS = frozenset({"streamAuth"})
"""What of `motia.config.ts` this runtime does; the rest is named to whoever reads it."""


class NodeRunner(Runner):
    """Runs the JavaScript and TypeScript steps of the project at root. Any thread may load.

    No process is started before the first file is loaded.

    Args:
        root: The project's folder.
        node: Path of Node; empty: that of the extra `node`, else the machine's.
        count_max: How many Node processes there may be.
        hang_s: After so long without a sign of life a process is killed.
        heap_mib: Largest heap of each; 0: as Node decides.
    """

    suffixes = (".ts", ".js")

    def __init__(
        self,
        root: Path,
        *,
        node: str = "",
        count_max: int = 2,
        hang_s: float = 10.0,
        heap_mib: int = 0,
    ) -> None:
        self._root = root.resolve()
        self._node, self._heap_mib = node, heap_mib
        self._found = ""
        self._children = Children(self._start, count_max=count_max, hang_s=hang_s)
        self._versions: dict[Path, int] = {}
        self._lock = allocate_lock()

    def load(self, path: Path) -> Loaded:
        """Read a step or stream file anew; handlers of an older version keep working.

        Raises:
            StepLoadError: it cannot be loaded, or there is no Node to load it.
        """
        full = Path(os.path.normpath(self._root / path))
        version = self._next_version(full)
        read = self._ask_load(full, version, what="step")
        if read["handler"] not in (None, "function"):
            shown = self._shown(full)
            raise StepLoadError(shown, f"handler is of type {read['handler']}, not a function")
        config = self._with_functions(read, full, version, what="step")
        handler = NodeHandler(self._children, full, version) if read["handler"] else None
        return Loaded(config=config, handler=handler)

    def load_config(self, path: Path) -> tuple[dict[str, Any], tuple[str, ...]]:
        """Read `motia.config.ts` or `.js`: what of it is done here, and the keys that are not.

        The first is `{}` or `{"streamAuth": {"contextSchema": …, "authenticate": …}}`, where
        `authenticate` is an async function of `{"headers": …, "url": …}` that may be awaited on
        any loop.

        Raises:
            StepLoadError: it cannot be loaded.
        """
        full = Path(os.path.normpath(self._root / path))
        version = self._next_version(full)
        read = self._ask_load(full, version, what="config")
        config = self._with_functions(read, full, version, what="config") or {}
        return (
            {key: value for key, value in config.items() if key in CONFIG_KEYS},
            tuple(sorted(config.keys() - CONFIG_KEYS)),
        )

    @contextmanager
    def fresh_modules(self) -> Iterator[None]:
        """Load in new processes; where the body raises, those from before return."""
        retired = self._children.retire()
        try:
            yield
        except BaseException:
            self._children.restore(retired)
            raise

    def close(self) -> None:
        """End the processes."""
        self._children.close()

    def _next_version(self, path: Path) -> int:
        with self._lock:
            version = self._versions[path] = self._versions.get(path, -1) + 1
            return version

    def _ask_load(self, path: Path, version: int, *, what: str) -> dict[str, Any]:
        shown = self._shown(path)
        try:
            child = self._children.pick(str(path))
            _, answer = child.ask("load", file=str(path), version=version, what=what)
            frame = answer.result(LOAD_S_MAX)
        except TimeLimitError:
            raise StepLoadError(
                shown, f"it did not load within {LOAD_S_MAX:g} s; a top-level await may hang"
            ) from None
        except (ChildDiedError, MissingExtraError, SettingsError, OSError) as error:
            raise StepLoadError(shown, str(error)) from error
        if frame.e is not None:
            reason, line = reason_of(frame.e, path, self._root)
            raise StepLoadError(shown, reason, line=line)
        answered: dict[str, Any] = frame.v
        return answered

    def _with_functions(
        self, read: Mapping[str, Any], path: Path, version: int, *, what: str
    ) -> dict[str, Any] | None:
        """The config with functions that call into the child where it has functions."""
        config: Any = read["config"]
        if not isinstance(config, dict):
            if config is None:
                return None
            raise StepLoadError(self._shown(path), f"config is {config!r}, not an object")
        for name in read["functions"]:
            owner = config
            *places, last = name.split(".")
            for place in places:
                owner = owner.setdefault(place, {})
            owner[last] = self._function(path, version, what, name)
            if last == "canAccess":
                owner["__motia_hasCanAccess"] = True
        return config

    def _function(
        self, path: Path, version: int, what: str, name: str
    ) -> Callable[..., Awaitable[Any]]:
        children = self._children

        async def call(*args: object) -> Any:
            """Call the function in a child; what it throws is a RuntimeError here."""
            child = children.pick(str(path))
            _, answer = child.ask(
                "fn", file=str(path), version=version, what=what, name=name, args=args
            )
            frame = await wait_for(answer)
            if frame.e is not None:
                raise RuntimeError(f"{frame.e['name']}: {frame.e['message']}")
            return frame.v

        call.__name__ = name.rpartition(".")[2]
        return call

    def _start(self) -> Child:
        self._found = self._found or find_node(self._node)
        heap = [f"--max-old-space-size={self._heap_mib}"] if self._heap_mib else []
        flags = ["--expose-internals", "--enable-source-maps", "--no-warnings", *heap]
        env = {**os.environ, "MOTIA_PARENT_PID": str(os.getpid())}
        return Child([self._found, *flags, str(PROGRAM)], env)

    def _shown(self, path: Path) -> str:
        try:
            return path.relative_to(self._root).as_posix()
        except ValueError:
            return str(path)


class NodeHandler(Handler):
    """One step's handler and middleware, in whichever child has the least to do."""

    is_async = True

    def __init__(self, children: Children, path: Path, version: int) -> None:
        self._children, self._file, self._version = children, str(path), version

    def run(self, call: Call, effects: Effects) -> Outcome:
        """Call the handler and wait for it and for all its effects."""
        try:
            _, _, answer = self._begin(call, effects)
            outcome = _outcome(answer.result())
        except Exception as error:  # noqa: BLE001 (boundary to user code)
            outcome = _broken(error)
        settled = effects.settle()
        with suppress(Exception):  # The child has told whoever awaited it.
            settled.result()
        return outcome

    async def run_async(self, call: Call, effects: Effects) -> Outcome:
        """Do the same on the running loop. Cancelling its task cancels the call in the child."""
        try:
            child, asked_id, answer = self._begin(call, effects)
        except Exception as error:  # noqa: BLE001 (boundary to user code)
            return _broken(error)
        try:
            outcome = _outcome(await wait_for(answer))
        except asyncio.CancelledError:
            child.give_up(asked_id)
            raise
        except Exception as error:  # noqa: BLE001 (boundary to user code)
            outcome = _broken(error)
        settled = effects.settle()
        if not settled.is_done:
            with suppress(Exception):
                await wait_for(settled)
        return outcome

    def _begin(self, call: Call, effects: Effects) -> tuple[Child, int, Promise[frames.Frame]]:
        child = self._children.pick(self._file)
        fields: dict[str, object] = {"input": call.input}
        places = frames.bytes_places(call.input) if call.kind == "api" else None
        if places:
            fields["bytes"] = places
        asked_id, answer = child.ask(
            "call",
            file=self._file,
            effects=effects,
            version=self._version,
            kind=call.kind,
            traceId=call.trace_id,
            flows=call.flows,
            delivery=_delivery(call),
            **fields,
        )
        return child, asked_id, answer


def _delivery(call: Call) -> dict[str, object] | None:
    one = call.delivery
    if one is None:
        return None
    return {"id": one.id, "attempt": one.attempt, "topic": one.event.topic, "putS": one.put_s}


def _outcome(frame: frames.Frame) -> Outcome:
    return Returned(frames.returned(frame)) if frame.e is None else frames.failed(frame.e)


def _broken(error: Exception) -> Failed:
    if isinstance(error, ChildDiedError):
        return Failed(kind="ChildDiedError", message=str(error), retry_after_s=error.retry_after_s)
    if isinstance(error, MissingExtraError | SettingsError | PayloadError):
        return Failed(kind=type(error).__name__, message=str(error))
    return failed(error)


def reason_of(error: Mapping[str, Any], path: Path, root: Path) -> tuple[str, int | None]:
    """Say why a file did not load in the words of whoever must mend it, and on which line.

    Args:
        error: As a frame tells it.
        path: The file that was to be loaded.
        root: The project's folder.
    """
    name, message = str(error.get("name")), str(error.get("message"))
    where = error.get("where")
    stack = str(error.get("stack") or "")
    if isinstance(where, Mapping):
        file, line = str(where.get("file")), where.get("line")
        inner = "" if file == str(path) else f" (in {_below(file, root)}:{line})"
        return f"{name}: {message}{inner}", line if not inner else None
    line, inner = None, ""
    for file, at in _places(stack):
        if file == str(path):
            line = line or at
        elif (
            not inner
            and line is None
            and file.startswith(f"{root}/")
            and "/node_modules/" not in file
        ):
            inner = f" (in {_below(file, root)}:{at})"
    return f"{name}: {_way_out(message)}{inner}", line


def _places(stack: str) -> Iterator[tuple[str, int]]:
    for text in stack.splitlines():
        place = text.strip().removesuffix(")")
        place = place.rpartition("(")[2].removeprefix("at ").removeprefix("async ")
        place = place.removeprefix("file://")
        parts = place.rsplit(":", 2)
        # The first line of a syntax error has no column.
        if len(parts) == 3 and parts[1].isdigit() and parts[2].isdigit():
            yield parts[0].partition("?")[0], int(parts[1])
        elif place.rpartition(":")[2].isdigit() and place.startswith("/"):
            head, _, line = place.rpartition(":")
            yield head.partition("?")[0], int(line)


def _is_theirs(file: str, root: Path) -> bool:
    return file.startswith(f"{root}/") and "/node_modules/" not in file


def _way_out(message: str) -> str:
    if message.startswith("Cannot find package '"):
        package = message.split("'")[1]
        return f"package {package!r} is not installed; run npm install in the project"
    return message


def _below(file: str, root: Path) -> str:
    return file.removeprefix(f"{root}/")
