"""Load Python steps: their config as it is, and their handler with its middleware."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from motia_actors.errors import StepLoadError, UsageError
from motia_actors.runner import Handler, Loaded, Runner
from motia_actors.runners.around import behind
from motia_actors.runners.handler import PythonHandler
from motia_actors.runners.imports import ProjectImports
from motia_actors.runners.pool import ThreadPool
from motia_actors.runners.wall import may_be_walled, wall_of
from motia_actors.threads import allocate_lock

if TYPE_CHECKING:
    from motia_actors.runners.isolated import IsolatedSteps


class PythonRunner(Runner):
    """Runs the Python steps of the project at root. Any thread may load; one does at a time.

    Args:
        root: The project's folder.
        state_envelope: Gives handlers the wrapped `state.get` of Motia 0.17.
        isolated: Loads the steps that ask for a process of their own; None: all run in this one.
    """

    suffixes = (".py",)

    def __init__(
        self,
        root: Path,
        *,
        state_envelope: bool = False,
        isolated: IsolatedSteps | None = None,
    ) -> None:
        self._isolated = isolated
        self._root = root.resolve()
        self._imports = ProjectImports(root)
        self._pool = ThreadPool()
        self._state_envelope = state_envelope
        self._lock = allocate_lock()

    def load(self, path: Path) -> Loaded:
        """Import a step or stream file anew; functions of an older version keep working.

        Raises:
            StepLoadError: it raised, whatever it was, or its config or handler is unusable.
        """
        full = self._below_root(path)
        if self._isolated is not None and may_be_walled(full):
            loaded = self._isolated.load(full)
            if loaded is not None:
                return loaded
        loaded = self._load_here(full)
        # One whose config is put together: it has been imported here, but its handler runs there.
        wall = None if self._isolated is None else wall_of(loaded.config, needs_word=True)
        if self._isolated is not None and wall is not None:
            return self._isolated.load(full, wall=wall) or loaded
        return loaded

    def behind(self, handler: Handler, middleware: Sequence[Callable[..., Any]]) -> Handler:
        """The handler, of any language, behind middleware of the whole project."""
        return behind(handler, middleware, pool=self._pool)

    def loaded_files(self) -> list[str]:
        """The project's files that are loaded in this process."""
        return self._imports.files()

    def affected(self, paths: frozenset[Path]) -> set[Path]:
        """Find the loaded files that import any of paths, in this process and in children."""
        with self._lock:
            found = set(self._imports.importers(_real(paths)).values())
        isolated = set() if self._isolated is None else self._isolated.affected(_real(paths))
        return {Path(file) for file in found if file} | isolated

    @contextmanager
    def fresh_modules(self, paths: frozenset[Path]) -> Iterator[None]:
        """Forget paths and what imports them; where the body raises, the old ones return."""
        with self._lock:
            names = self._imports.importers(_real(paths)).keys()
        with self._imports.fresh(names):
            yield

    def close(self) -> None:
        """Forget the project and let idle threads end."""
        if self._isolated is not None:
            self._isolated.close()
        self._imports.leave()
        self._pool.close()

    def _load_here(self, full: Path) -> Loaded:
        shown = full.relative_to(self._root).as_posix()
        with self._lock:
            try:
                module = self._imports.load(full)
            # A step file may call sys.exit(), and all other steps live in this process.
            except BaseException as error:
                reason, line = self._reason(error, full)
                raise StepLoadError(shown, reason, line=line) from error
        config, function = self._declared(shown, module)
        if function is not None and not callable(function):
            raise StepLoadError(shown, f"handler is a {type(function).__name__}, not a function")
        if not isinstance(config, Mapping):
            if config is not None and function is not None:
                raise StepLoadError(shown, f"config is a {type(config).__name__}, not a dict")
            config = None
        if function is None:
            return Loaded(config=config, handler=None)
        return Loaded(config=config, handler=self._handler(shown, config or {}, function))

    def _declared(self, shown: str, module: ModuleType) -> tuple[Any, Any]:
        """What a decorator says, or else what stands there as `config` and `handler`."""
        if "motia_actors.runners.authoring" in sys.modules:
            from motia_actors.runners import authoring, typed

            try:
                step = authoring.step_of(module)
                if step is not None:
                    return typed.typed(*step)
            except UsageError as error:
                raise StepLoadError(shown, str(error), line=authoring.line_of(module)) from error
        return getattr(module, "config", None), getattr(module, "handler", None)

    def _below_root(self, path: Path) -> Path:
        """Place path below root without following links: a linked folder belongs to the project."""
        full = Path(os.path.normpath(self._root / path))
        if full.is_relative_to(self._root):
            return full
        full = full.resolve()
        if not full.is_relative_to(self._root):
            raise StepLoadError(str(path), f"it lies outside the project at {self._root}")
        return full

    def _handler(
        self, shown: str, config: Mapping[str, Any], function: Callable[..., Any]
    ) -> PythonHandler:
        is_asked = config.get("type") == "api" or "triggers" in config
        listed = config.get("middleware") if is_asked else None
        middleware = listed if isinstance(listed, list | tuple) else [listed] if listed else []
        for one in middleware:
            if not callable(one):
                raise StepLoadError(
                    shown, f"config.middleware holds a {type(one).__name__}; it takes functions"
                )
        return PythonHandler(
            function, middleware, pool=self._pool, state_envelope=self._state_envelope
        )

    def _reason(self, error: BaseException, path: Path) -> tuple[str, int | None]:
        """Say what went wrong in the words of whoever must mend it, and on which line."""
        line: int | None = None
        inner = ""
        for frame in traceback.extract_tb(error.__traceback__):
            if frame.filename == str(path):
                line = frame.lineno
            elif frame.filename.startswith(f"{self._root}/"):
                inner = f" (in {Path(frame.filename).relative_to(self._root)}:{frame.lineno})"
        if isinstance(error, SyntaxError):
            if error.filename == str(path):
                return f"{type(error).__name__}: {error.msg}", error.lineno
            return f"{type(error).__name__}: {error.msg} (in {error.filename}:{error.lineno})", line
        if isinstance(error, ModuleNotFoundError) and error.name:
            return f"{self._missing(error.name)}{inner}", line
        try:
            return f"{type(error).__name__}: {error}{inner}", line
        except Exception:  # noqa: BLE001 (boundary: `__str__` is the user's)
            return type(error).__name__, line

    def _missing(self, name: str) -> str:
        top = name.partition(".")[0]
        if (self._root / top).is_dir() or (self._root / f"{top}.py").is_file():
            return f"the project has no module {name!r}"
        return f"package {top!r} is not installed; add it to requirements.txt and install it"


def _real(paths: frozenset[Path]) -> frozenset[str]:
    return frozenset(map(os.path.realpath, paths))
