"""A project's files as they are read first, and read again while the system runs.

What was read before is kept, so that a broken edit leaves the old version running and an edit
of one step leaves the others, and what they hold in memory, alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path

import msgspec

from motia_actors.errors import StepLoadError
from motia_actors.runner import Loaded, Runner
from motia_actors.steps.catalog import Catalog
from motia_actors.steps.config import Problem
from motia_actors.steps.discovery import NAME, discover
from motia_actors.steps.overrides import NAME as OVERRIDES

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

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__()
        self.problems = problems


class Project:
    """The step and stream files below a folder.

    Args:
        root: The project's folder.
        runners: One for each language.
        timezone: Of cron steps that name none; None: the machine's.
        overrides: The file over the steps' `infrastructure`; None: the project's own.
    """

    def __init__(
        self,
        root: Path,
        runners: Sequence[Runner],
        *,
        timezone: str | None = None,
        overrides: Path | None = None,
    ) -> None:
        self._root, self._runners, self._timezone = root, runners, timezone
        self._overrides = root / OVERRIDES if overrides is None else overrides
        self._loaded: dict[Path, Loaded] = {}
        self._catalog: Catalog | None = None
        self._stale: frozenset[Path] = frozenset()
        """Edited files that are not taken over yet, for some step broke with them."""

    @property
    def catalog(self) -> Catalog:
        """What was read last."""
        assert self._catalog is not None, "read comes first"
        return self._catalog

    def read(self) -> Catalog:
        """Load every file."""
        self._loaded = {}
        self._catalog = self._discover()
        return self._catalog

    def reread(self, paths: Iterable[Path]) -> Reread:
        """Take over edits of these files: of steps alone, or of code that steps import.

        Only what changed and what imports it is loaded anew. Relative paths are seen from the
        project. Links are not followed: what a linked folder holds is known by its place in the
        project.
        """
        edited = frozenset(Path(os.path.normpath(self._root / path)) for path in paths)
        files = {path for path in edited if NAME.fullmatch(path.name)}
        edited |= self._stale
        importers = self._importers(edited) - files
        helps = edited - files and _broken(self.catalog)
        if importers or self._stale or helps or self._overrides in edited:
            return self._reread_with(edited, files | importers)
        return self._reread({path for path in files if path.is_relative_to(self._root)})

    def _importers(self, edited: frozenset[Path]) -> set[Path]:
        """The step and stream files that run now and import any of edited."""
        loaded = {os.path.realpath(path): path for path in self._loaded}
        affected = {
            os.path.realpath(path) for runner in self._runners for path in runner.affected(edited)
        }
        return {loaded[path] for path in affected & loaded.keys()}

    def _reread_with(self, edited: frozenset[Path], files: set[Path]) -> Reread:
        """Load these files anew with the modules they import, all of them or none."""
        before, former = dict(self._loaded), self.catalog
        for path in files:
            self._loaded.pop(path, None)
        try:
            with ExitStack() as stack:
                for runner in self._runners:
                    stack.enter_context(runner.fresh_modules(edited))
                catalog = _whole(self._discover(), broken_before=_broken(former))
        except _BrokenError as error:
            self._loaded, self._stale = before, edited
            return Reread(
                catalog=former, changed=set(), problems=error.problems, is_layout_new=False
            )
        self._catalog, self._stale = catalog, frozenset()
        names = {path.relative_to(self._root).as_posix() for path in files} | _broken(former)
        if self._overrides in edited:
            names |= {OVERRIDES, str(self._overrides), *_retuned(former, catalog)}
        return Reread(
            catalog=catalog,
            changed={step.id for step in catalog.steps if step.id in names},
            problems=tuple(problem for problem in catalog.problems if problem.file in names),
            is_layout_new=_layout(catalog) != _layout(former),
        )

    def _reread(self, files: set[Path]) -> Reread:
        """Load these step and stream files anew; what fails keeps its old version."""
        former, before = self.catalog, dict(self._loaded)
        for path in files:
            self._loaded.pop(path, None)
        catalog = self._discover()
        broken = _broken(catalog) & {path.relative_to(self._root).as_posix() for path in files}
        # What was broken before has no version that could go on running.
        saved = [name for name in broken - _broken(former) if self._root / name in before]
        kept = tuple(_kept(problem) for problem in catalog.problems if problem.file in saved)
        if saved:
            self._loaded.update({self._root / name: before[self._root / name] for name in saved})
            catalog = self._discover()
        self._catalog = catalog
        names = {path.relative_to(self._root).as_posix() for path in files} - set(saved)
        return Reread(
            catalog=catalog,
            changed={step.id for step in catalog.steps if step.id in names},
            problems=(*kept, *(problem for problem in catalog.problems if problem.file in names)),
            is_layout_new=_layout(catalog) != _layout(former),
        )

    def _discover(self) -> Catalog:
        return discover(self._root, self._load, timezone=self._timezone, overrides=self._overrides)

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


def summary(former: Catalog, change: Reread) -> str:
    """What a reread did, file by file, in a line; empty where it did nothing."""
    files = {one.id: one for one in former.streams}
    now = {one.id: one for one in change.catalog.streams}
    before_ids = {step.id for step in former.steps} | files.keys()
    ids = {step.id for step in change.catalog.steps} | now.keys()
    broken = {problem.file for problem in change.problems if problem.severity == "error"}
    changed = change.changed | {id_ for id_ in files.keys() & now.keys() if files[id_] != now[id_]}
    kinds = {
        "added": ids - before_ids,
        "changed": (changed & before_ids) - broken,
        "removed": before_ids - ids - broken,
        "broken": broken,
    }
    return "; ".join(f"{kind} {', '.join(sorted(of))}" for kind, of in kinds.items() if of)


def _whole(catalog: Catalog, *, broken_before: set[str]) -> Catalog:
    """The catalog; raises where a file is broken that was not before."""
    newly = _broken(catalog) - broken_before
    if newly:
        raise _BrokenError(
            tuple(_kept(problem) for problem in catalog.problems if problem.file in newly)
        )
    return catalog


def _broken(catalog: Catalog) -> set[str]:
    return {problem.file for problem in catalog.problems if problem.severity == "error"}


def _retuned(former: Catalog, catalog: Catalog) -> set[str]:
    """The steps whose infrastructure is another one now."""
    before = {step.id: step.infrastructure for step in former.steps}
    return {step.id for step in catalog.steps if before.get(step.id) != step.infrastructure}


def _kept(problem: Problem) -> Problem:
    return msgspec.structs.replace(problem, way_out=f"{problem.way_out}; {KEPT}")


def _layout(catalog: Catalog) -> object:
    return catalog.steps, catalog.streams
