"""Load and run JavaScript and TypeScript steps, in long-lived Node processes."""

from __future__ import annotations

import logging
import os
import re
import weakref
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from motia_actors.errors import (
    ChildDiedError,
    MissingExtraError,
    SettingsError,
    StepLoadError,
    TimeLimitError,
)
from motia_actors.messages import Call
from motia_actors.runner import Handler, Loaded, Runner
from motia_actors.runners.calling import ChildHandler
from motia_actors.runners.child import Child
from motia_actors.runners.children import Children, Limits
from motia_actors.runners.isolated import LOAD_S_MAX, Recycling, files_of, starter
from motia_actors.runners.node_around import NodeAround
from motia_actors.runners.node_binary import find_node
from motia_actors.runners.pool import ThreadPool
from motia_actors.runners.waiting import wait_for
from motia_actors.runners.wall import Wall, check_ram, may_be_walled, wall_of
from motia_actors.threads import allocate_lock

PROGRAM = Path(__file__).parent / "javascript" / "child.mjs"
RAM_MIB_MIN = 96
"""What an idle Node uses is about two thirds of it."""
OUTSIDE_HEAP_MIB = 48
"""What of a limit of memory is left to Node itself; the rest is the heap of steps."""
logger = logging.getLogger(__name__)

SHAPES_ALL = re.compile(r"tsconfig.*\.json|package\.json")
"""Files that say how others are loaded."""
CONFIG_KEYS = frozenset({"middleware", "streamAuth"})
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
        recycling: When a process is relieved by a new one.
        keeps_spare: One more process stands by, so that an edit of what steps import is taken over
            sooner.
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
        recycling: Recycling | None = None,
        keeps_spare: bool = False,
    ) -> None:
        self._root = root.resolve()
        self._node, self._heap_mib = node, heap_mib
        self._found = ""
        recycling = recycling or Recycling()
        self._limits = Limits(
            count_max=count_max,
            hang_s=hang_s,
            calls_max=recycling.calls_max,
            memory_bytes=recycling.memory_bytes,
        )
        self._shared = Children(self._start, self._limits, warm=self._warm if keeps_spare else None)
        self._own: weakref.WeakSet[Children] = weakref.WeakSet()
        self._versions: dict[Path, int] = {}
        self._files: dict[Path, frozenset[str]] = {}
        """What each file has loaded, itself included."""
        self._handlers: weakref.WeakValueDictionary[Path, ChildHandler] = (
            weakref.WeakValueDictionary()
        )
        """Of steps with processes of their own."""
        self._lock = allocate_lock()
        self._pool = ThreadPool()

    def load(self, path: Path) -> Loaded:
        """Read a step or stream file anew; handlers of an older version keep working.

        Raises:
            StepLoadError: it cannot be loaded, or there is no Node to load it.
        """
        full = Path(os.path.normpath(self._root / path))
        version = self._next_version(full)
        apart = self._children_of(full, Wall()) if may_be_walled(full) else None
        try:
            children = apart or self._shared
            read = self._ask_load(children, full, version, what="step")
            if read["handler"] not in (None, "function"):
                shown = self._shown(full)
                raise StepLoadError(shown, f"handler is of type {read['handler']}, not a function")
            config = self._with_functions(children, read, full, version, what="step")
            wall = wall_of(config, needs_word=False)
            if wall is not None and apart is not None and not (wall.ram_mib or wall.cpu):
                apart.resize(wall.processes)
                apart = None
            elif wall is not None:
                children = self._children_of(full, wall)
            elif apart is not None:
                children = self._shared
        finally:
            if apart is not None:
                apart.close()
        if not read["handler"]:
            return Loaded(config=config, handler=None)
        handler = ChildHandler(children, str(full), version=version, describe=_described)
        if children is not self._shared:
            weakref.finalize(handler, children.end)
            self._handlers[full] = handler
        return Loaded(config=config, handler=handler)

    def load_config(self, path: Path) -> tuple[dict[str, Any], tuple[str, ...]]:
        """Read `motia.config.ts` or `.js`: what of it is done here, and the keys that are not.

        The first may have `{"streamAuth": {"contextSchema": …, "authenticate": …}}`, where
        `authenticate` is an async function of `{"headers": …, "url": …}` that may be awaited on
        any loop, and `middleware`: how many functions there are, which stay in Node.

        Raises:
            StepLoadError: it cannot be loaded.
        """
        full = Path(os.path.normpath(self._root / path))
        version = self._next_version(full)
        read = self._ask_load(self._shared, full, version, what="config")
        config = self._with_functions(self._shared, read, full, version, what="config") or {}
        if read["middleware"]:
            config["middleware"] = read["middleware"]
        return (
            {key: value for key, value in config.items() if key in CONFIG_KEYS},
            tuple(sorted(config.keys() - CONFIG_KEYS)),
        )

    def behind(self, handler: Handler, config: Path) -> Handler:
        """The handler, of any language, behind the middleware of a config file."""
        file = os.path.normpath(self._root / config)
        if isinstance(handler, ChildHandler) and handler.file.endswith(self.suffixes):
            return handler.behind(file)
        outer = ChildHandler(self._shared, file, describe=_described_around)
        return NodeAround(handler, outer, pool=self._pool)

    def affected(self, paths: frozenset[Path]) -> set[Path]:
        """Find the loaded files that import any of paths, as far as the processes told."""
        changed = set(map(os.path.realpath, paths))
        if any(SHAPES_ALL.fullmatch(path.name) for path in paths):
            return set(self._files)
        late = changed & files_of(self._shared)
        found = {path for path, files in list(self._files.items()) if files & changed}
        for path, handler in list(self._handlers.items()):
            if changed & files_of(handler.children):
                found.add(path)
        # Loaded by some call, so that it is not known whose it is.
        known = frozenset[str]().union(*self._files.values())
        return set(self._files) if late - known else found

    @contextmanager
    def fresh_modules(self, paths: frozenset[Path]) -> Iterator[None]:
        """Load in new processes where paths concern them; where the body raises, the old return."""
        if not self.affected(paths):
            yield
            return
        detached = self._shared.detach()
        try:
            yield
        except BaseException:
            self._shared.restore(detached)
            raise
        self._shared.retire(detached)

    def close(self) -> None:
        """End the processes."""
        for children in (self._shared, *self._own):
            children.close()
        self._pool.close()

    def _next_version(self, path: Path) -> int:
        with self._lock:
            version = self._versions[path] = self._versions.get(path, -1) + 1
            return version

    def _ask_load(
        self, children: Children, path: Path, version: int, *, what: str
    ) -> dict[str, Any]:
        shown = self._shown(path)
        try:
            _, _, answer = children.ask("load", file=str(path), version=version, what=what)
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
        self._files[path] = frozenset(map(os.path.realpath, answered["files"]))
        return answered

    def _with_functions(
        self, children: Children, read: Mapping[str, Any], path: Path, version: int, *, what: str
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
            owner[last] = _function(children, str(path), version, what, name)
            if last == "canAccess":
                owner["__motia_hasCanAccess"] = True
        return config

    def _children_of(self, path: Path, wall: Wall) -> Children:
        """Processes for one step."""
        shown = self._shown(path)
        heap_mib = self._heap_mib
        check_ram(wall, ram_mib_min=RAM_MIB_MIN, language="Node", shown=shown)
        if wall.ram_mib is not None:
            heap_mib = wall.ram_mib - OUTSIDE_HEAP_MIB
        limits = msgspec.structs.replace(
            self._limits, count_max=wall.processes, crowded_count=1, ram_bytes=wall.ram_bytes
        )
        start = starter(lambda: self._command(heap_mib), self._env, wall, shown=shown)
        children = Children(start, limits)
        self._own.add(children)
        return children

    def _start(self, on_given_up: Callable[[], None]) -> Child:
        return Child(self._command(self._heap_mib), self._env(), on_given_up=on_given_up)

    def _warm(self, child: Child) -> None:
        files = frozenset[str]().union(*list(self._files.values()))
        asked = child.ask("warm", file=str(self._root), files=sorted(files))
        if asked is not None:
            asked[1].on_done(lambda _: logger.debug("a Node process stands by"))

    def _command(self, heap_mib: int) -> list[str]:
        self._found = self._found or find_node(self._node)
        heap = [f"--max-old-space-size={heap_mib}"] if heap_mib else []
        flags = ["--expose-internals", "--enable-source-maps", "--no-warnings", *heap]
        return [self._found, *flags, str(PROGRAM)]

    def _env(self) -> dict[str, str]:
        return {**os.environ, "MOTIA_PARENT_PID": str(os.getpid())}

    def _shown(self, path: Path) -> str:
        try:
            return path.relative_to(self._root).as_posix()
        except ValueError:
            return str(path)


def _function(
    children: Children, file: str, version: int, what: str, name: str
) -> Callable[..., Awaitable[Any]]:
    async def call(*args: object) -> Any:
        """Call the function in a child; what it throws is a RuntimeError here."""
        _, _, answer = children.ask(
            "fn", file=file, version=version, what=what, name=name, args=args
        )
        frame = await wait_for(answer)
        if frame.e is not None:
            raise RuntimeError(f"{frame.e['name']}: {frame.e['message']}")
        return frame.v

    call.__name__ = name.rpartition(".")[2]
    return call


def _described(call: Call) -> dict[str, object]:
    return {"input": call.input, "delivery": _delivery(call)}


def _described_around(call: Call) -> dict[str, object]:
    return {**_described(call), "what": "around"}


def _delivery(call: Call) -> dict[str, object] | None:
    one = call.delivery
    if one is None:
        return None
    return {"id": one.id, "attempt": one.attempt, "topic": one.event.topic, "putS": one.put_s}


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


def _way_out(message: str) -> str:
    if message.startswith("Cannot find package '"):
        package = message.split("'")[1]
        return f"package {package!r} is not installed; run npm install in the project"
    return message


def _below(file: str, root: Path) -> str:
    return file.removeprefix(f"{root}/")
