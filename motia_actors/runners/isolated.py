"""Python steps with `infrastructure.isolation = "process"`: each in child processes of its own."""

from __future__ import annotations

import itertools
import logging
import os
import sys
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from motia_actors.errors import ChildDiedError, StepLoadError, TimeLimitError
from motia_actors.messages import Call
from motia_actors.runner import Loaded
from motia_actors.runners.calling import ChildHandler
from motia_actors.runners.cgroups import Cgroup, make_cgroup
from motia_actors.runners.child import Child
from motia_actors.runners.children import Children, Limits
from motia_actors.runners.wall import Wall, check_ram, wall_of

logger = logging.getLogger("motia_actors")

LOAD_S_MAX = 60.0
"""How long a file may take to load, a top-level `await` of JavaScript included."""
RAM_MIB_MIN = 32
"""What an empty child uses is about half of it."""


class Recycling(msgspec.Struct, frozen=True, kw_only=True):
    """When a child is relieved: after so many calls, at so much memory; 0: never."""

    calls_max: int = 0
    memory_bytes: int = 0


class IsolatedSteps:
    """Loads steps in children of their own. A step's children end when its handler is let go of.

    Args:
        root: The project's folder.
        state_envelope: As for `PythonRunner`.
        recycling: When its children are relieved.
    """

    def __init__(self, root: Path, *, state_envelope: bool, recycling: Recycling) -> None:
        self._root, self._state_envelope = root, state_envelope
        self._recycling = recycling
        self._all: weakref.WeakSet[Children] = weakref.WeakSet()
        self._handlers: weakref.WeakValueDictionary[Path, ChildHandler] = (
            weakref.WeakValueDictionary()
        )

    def load(self, path: Path, *, wall: Wall | None = None) -> Loaded | None:
        """Load a step in a new child; None where its config turns out not to ask for one.

        Args:
            path: Of the file.
            wall: What it may use; None: what the config says once it is there.

        Raises:
            StepLoadError: it cannot be loaded.
        """
        shown = path.relative_to(self._root).as_posix()
        check_ram(wall, ram_mib_min=RAM_MIB_MIN, language="Python", shown=shown)
        children = self._children(path, wall or Wall())
        try:
            answer = self._read(children, shown, str(path))
        except BaseException:
            children.close()
            raise
        if wall is None:
            wall = wall_of(answer["config"], needs_word=True)
            if wall is None or wall.ram_mib or wall.cpu:
                children.close()
                return None if wall is None else self.load(path, wall=wall)
            children.resize(wall.processes)
        handler = None
        if answer["hasHandler"]:
            handler = ChildHandler(children, str(path), describe=_described)
            # As long as somebody could call it: a version from before an edit goes on, too.
            weakref.finalize(handler, children.end)
            self._handlers[path] = handler
        else:
            children.end()
        return Loaded(config=answer["config"], handler=handler)

    def affected(self, files: frozenset[str]) -> set[Path]:
        """The steps whose children have loaded any of these files, by their real paths."""
        return {
            path
            for path, handler in list(self._handlers.items())
            if files & set(map(os.path.realpath, files_of(handler.children)))
        }

    def close(self) -> None:
        """End all children."""
        for children in list(self._all):
            children.close()

    def _children(self, path: Path, wall: Wall) -> Children:
        children = Children(
            self._starter(path, wall),
            Limits(
                count_max=wall.processes,
                crowded_count=1,
                calls_max=self._recycling.calls_max,
                memory_bytes=self._recycling.memory_bytes,
            ),
            prepare=lambda child: _ask_load(child, str(path)),
        )
        self._all.add(children)
        return children

    def _read(self, children: Children, shown: str, file: str) -> Mapping[str, Any]:
        try:
            # The first child was asked already, when it started; its answer is the config.
            child = children.pick(file)
            frame = child.prepared.result(LOAD_S_MAX)
        except TimeLimitError:
            raise StepLoadError(shown, f"it did not load within {LOAD_S_MAX:g} s") from None
        except (ChildDiedError, OSError) as error:
            raise StepLoadError(shown, str(error)) from error
        if frame.e is not None:
            raise StepLoadError(shown, str(frame.e["message"]), line=frame.e.get("line"))
        answer: Mapping[str, Any] = frame.v
        return answer

    def _starter(self, path: Path, wall: Wall) -> Callable[[Callable[[], None]], Child]:
        shown = path.relative_to(self._root).as_posix()
        options = {
            "root": str(self._root),
            "file": str(path),
            "state_envelope": self._state_envelope,
            "ram_bytes": wall.ram_bytes or 0,
        }
        program = ["-P", "-u", "-m", "motia_actors.runners.python_child"]
        command = [sys.executable, *program, msgspec.json.encode(options).decode()]
        return starter(lambda: command, lambda: dict(os.environ), wall, shown=shown)


def files_of(children: Children) -> frozenset[str]:
    """The project's files that these have loaded."""
    return frozenset().union(*(child.files for child in children.all()))


def starter(
    command: Callable[[], list[str]], env: Callable[[], dict[str, str]], wall: Wall, *, shown: str
) -> Callable[[Callable[[], None]], Child]:
    """What starts a child, in a cgroup where it can have one."""
    warnings = itertools.count()

    def start(on_given_up: Callable[[], None]) -> Child:
        cgroup = _cgroup(wall)
        child = Child(command(), env(), on_given_up=on_given_up)
        if cgroup is not None:
            child.on_end = cgroup.remove
        if (cgroup is None or not cgroup.add(child.pid)) and wall.cpu and not next(warnings):
            logger.warning(
                "handler.cpu of %s does not bind: this process may make no cgroup with a limit of "
                "processor time; with systemd, Delegate=yes and DelegateSubgroup=main allow it",
                shown,
            )
        return child

    return start


def _cgroup(wall: Wall) -> Cgroup | None:
    if wall.ram_bytes is None and wall.cpu is None:
        return None
    return make_cgroup(ram_bytes=wall.ram_bytes, cpu=wall.cpu)


def _ask_load(child: Child, file: str) -> None:
    asked = child.ask("load", file=file)
    if asked is not None:
        child.prepared = asked[1]


def _described(call: Call) -> dict[str, object]:
    one = call.delivery
    if one is None:
        return {"input": call.input}
    event = one.event
    told = {
        "id": event.id,
        "topic": event.topic,
        "trace_id": event.trace_id,
        "flows": event.flows,
        "group_id": event.group_id,
    }
    delivery = {"event": told, "step": one.step, "attempt": one.attempt, "putS": one.put_s}
    return {"input": msgspec.Raw(event.data), "delivery": delivery}
