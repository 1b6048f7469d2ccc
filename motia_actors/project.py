"""A project's files as they are read first, and read again while the system runs.

What was read before is kept, so that a broken edit leaves the old version running and an edit
of one step leaves the others, and what they hold in memory, alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path

import msgspec

from motia_actors.errors import StepLoadError
from motia_actors.runner import Loaded, Runner
from motia_actors.steps.catalog import Catalog
from motia_actors.steps.config import Problem
from motia_actors.steps.discovery import discover, is_step_file

KEPT = "the version from before this edit goes on running; mend the file and save it again"


class Reread(msgspec.Struct, frozen=True, kw_only=True):
    """What a reread found: the catalog from now on, and which steps of it are new or changed."""

    catalog: Catalog
    changed: set[str]
    problems: tuple[Problem, ...]
    is_layout_new: bool
    """Steps or streams came, went or moved."""


class _BrokenError(Exception):
    """Some file of a whole reload did not load, so that none is taken over."""


class Project:
    """The step and stream files below a folder.

    Args:
        root: The project's folder.
        runners: One for each language.
    """

    def __init__(self, root: Path, runners: Sequence[Runner]) -> None:
        self._root = root
        self._runners = runners
        self._loaded: dict[Path, Loaded] = {}
        self._catalog: Catalog | None = None

    def read(self) -> Catalog:
        """Load every file."""
        self._loaded = {}
        self._catalog = discover(self._root, self._load)
        return self._catalog

    def reread(self, paths: Iterable[Path]) -> Reread:
        """Take over edits of these files: of steps alone, or of code that any step may use."""
        assert self._catalog is not None, "read comes first"
        paths = [path.resolve() for path in paths]
        files = {path for path in paths if is_step_file(path)}
        if any(path.suffix == ".py" for path in set(paths) - files):
            return self._reread_all()
        return self._reread(files)

    def _reread_all(self) -> Reread:
        """Load everything anew, helper modules included, or else nothing."""
        before, self._loaded = self._loaded, {}
        former = self._catalog
        assert former is not None
        problems: tuple[Problem, ...] = ()
        try:
            with ExitStack() as stack:
                for runner in self._runners:
                    stack.enter_context(runner.fresh_modules())
                catalog = discover(self._root, self._load)
                problems = catalog.problems
                if _broken(catalog) - _broken(former):
                    raise _BrokenError
        except _BrokenError:
            self._loaded = before
            kept = tuple(_kept(problem) for problem in problems if problem.severity == "error")
            return Reread(catalog=former, changed=set(), problems=kept, is_layout_new=False)
        self._catalog = catalog
        changed = {step.id for step in catalog.steps}
        return Reread(catalog=catalog, changed=changed, problems=problems, is_layout_new=True)

    def _reread(self, files: set[Path]) -> Reread:
        """Load these step and stream files anew; what fails keeps its old version."""
        former, before = self._catalog, dict(self._loaded)
        assert former is not None
        for path in files:
            self._loaded.pop(path, None)
        catalog = discover(self._root, self._load)
        broken = _broken(catalog) & {path.relative_to(self._root).as_posix() for path in files}
        saved = [name for name in broken if self._root / name in before]
        kept = tuple(_kept(problem) for problem in catalog.problems if problem.file in saved)
        if saved:
            self._loaded.update({self._root / name: before[self._root / name] for name in saved})
            catalog = discover(self._root, self._load)
        self._catalog = catalog
        names = {path.relative_to(self._root).as_posix() for path in files} - set(saved)
        return Reread(
            catalog=catalog,
            changed={step.id for step in catalog.steps if step.id in names},
            problems=(*kept, *(problem for problem in catalog.problems if problem.file in names)),
            is_layout_new=_layout(catalog) != _layout(former),
        )

    def _load(self, path: Path) -> Loaded:
        known = self._loaded.get(path)
        if known is not None:
            return known
        for runner in self._runners:
            if path.name.endswith(runner.suffixes):
                loaded = self._loaded[path] = runner.load(path)
                return loaded
        shown = path.relative_to(self._root).as_posix()
        raise StepLoadError(shown, f"no runner for {path.suffix} files is installed")


def _broken(catalog: Catalog) -> set[str]:
    return {problem.file for problem in catalog.problems if problem.severity == "error"}


def _kept(problem: Problem) -> Problem:
    return msgspec.structs.replace(problem, way_out=f"{problem.way_out}; {KEPT}")


def _layout(catalog: Catalog) -> object:
    return catalog.steps, catalog.streams
