"""Find a project's step and stream files and read them into a catalog."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, Protocol

import msgspec

from motia_actors.errors import StepLoadError
from motia_actors.steps.catalog import Catalog
from motia_actors.steps.checks import check
from motia_actors.steps.config import Problem, Step, Stream
from motia_actors.steps.fields import shown
from motia_actors.steps.overrides import NAME as OVERRIDES
from motia_actors.steps.overrides import check_owners, merged, read_overrides
from motia_actors.steps.reading import read_step, read_stream
from motia_actors.steps.report import Report

FOLDERS = ("steps", "src")
SKIPPED = frozenset({"node_modules", "__pycache__", "python_modules", "venv", "site-packages"})
NAME = re.compile(r".*[._](?P<what>step|stream)\.(?P<language>py|ts|js|rb)")


class LoadedFile(Protocol):
    """What a step file exports."""

    @property
    def config(self) -> Mapping[str, Any] | None:
        """None where it exports none."""
        ...

    @property
    def handler(self) -> object | None:
        """None where it exports none."""
        ...


Load = Callable[[Path], LoadedFile]


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A file whose name says that it is a step or a stream; `id` as in Step."""

    id: str
    path: Path
    what: Literal["step", "stream"]
    language: Literal["py", "ts", "js", "rb"]


def find_files(root: Path) -> list[Found]:
    """The step and stream files under `steps/` and `src/`, sorted by id.

    Folders that are hidden or hold other people's code are left out. Links are followed, each
    folder once.
    """
    found: list[Found] = []
    seen: set[str] = set()
    for folder in FOLDERS:
        for path in _walk(root / folder, seen):
            match = NAME.fullmatch(path.name)
            if match:
                described = {"id": path.relative_to(root).as_posix(), "path": path}
                found.append(msgspec.convert({**described, **match.groupdict()}, Found))
    return sorted(found, key=lambda file: file.id)


def discover(
    root: Path, load: Load, *, timezone: str | None = None, overrides: Path | None = None
) -> Catalog:
    """Read a whole project. What is broken becomes a problem, the rest goes on.

    Args:
        root: The project's folder.
        load: Imports one file; raises StepLoadError where it cannot.
        timezone: For cron steps that name none; None is the machine's own.
        overrides: What stands over the steps' `infrastructure`; None is `infrastructure.toml` in
            root.
    """
    over_report = Report(OVERRIDES if overrides is None else str(overrides))
    over = read_overrides(overrides or root / OVERRIDES, over_report)
    steps: list[Step] = []
    streams: list[Stream] = []
    problems: list[Problem] = []
    handlers: dict[str, object] = {}
    # What comes from the overrides was told of their file already.
    told = {problem.field for problem in over_report.problems}
    for file in find_files(root):
        report = Report(file.id)
        item, handler = read_file(file, load, report, timezone=timezone, over=over.get(file.id))
        problems += [problem for problem in report.problems if _as_over(problem) not in told]
        if item is None:
            continue
        if isinstance(item, Step):
            steps.append(item)
        else:
            streams.append(item)
        if handler is not None:
            handlers[item.id] = handler
    check_owners(over, (step.id for step in steps), over_report)
    names = {stream.name: stream for stream in reversed(streams)}
    return Catalog(
        root=root,
        steps=tuple(steps),
        streams=tuple(stream for stream in streams if names[stream.name] is stream),
        problems=(*over_report.problems, *problems, *check(steps, streams)),
        handlers=handlers,
    )


def read_file(
    file: Found,
    load: Load,
    report: Report,
    *,
    timezone: str | None = None,
    over: Mapping[str, Any] | None = None,
) -> tuple[Step | Stream | None, object | None]:
    """Load and read one file: its step or stream, None where it has none that can run.

    `over` stands over the `infrastructure` of a step.
    """
    if file.language == "rb":
        report.warn(
            "", "is written in Ruby, which has no runner", "write it in Python or TypeScript"
        )
        return None, None
    try:
        loaded = load(file.path)
    except StepLoadError as error:
        report.error("", error.reason, "mend the file; the others run on", line=error.line)
        return None, None
    config: object = loaded.config  # what a file exports need not be what it should
    if config is None:
        report.warn("config", "is missing, so the file is skipped", "export config, or rename it")
        return None, None
    if not isinstance(config, Mapping):
        report.error("config", f"is {shown(config)}, not an object", "write config = {...}")
        return None, None
    if file.what == "step":
        has_handler = loaded.handler is not None
        config = merged(config, over) if over else config
        step = read_step(config, report, has_handler=has_handler, timezone=timezone)
        return step, loaded.handler
    access = config.get("canAccess")
    return read_stream(config, report), access if callable(access) else loaded.handler


def _walk(folder: Path, seen: set[str]) -> Iterator[Path]:
    real = os.path.realpath(folder)
    if real in seen:
        return
    seen.add(real)
    try:
        ordered = sorted(folder.iterdir())
    except OSError:
        # No such folder, or one that may not be read: there are no steps of ours in it.
        return
    for path in ordered:
        if path.name.startswith("."):
            continue
        # A link that leads nowhere or to itself is neither folder nor file.
        if path.is_file():
            yield path
        elif path.is_dir() and path.name not in SKIPPED:
            yield from _walk(path, seen)


def _as_over(problem: Problem) -> str:
    return f"{problem.file}: {problem.field.removeprefix('infrastructure.')}"
