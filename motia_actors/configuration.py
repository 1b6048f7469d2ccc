"""The project's own configuration: `motia_config.py`, `motia.config.ts` or `motia.config.js`.

Of what Motia's has, `streamAuth` is done here; everything else is reported.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from motia_actors.errors import StepLoadError
from motia_actors.runners.languages import Languages
from motia_actors.steps.config import Problem
from motia_actors.steps.fields import shown
from motia_actors.steps.report import Report

PYTHON = "motia_config.py"
NAMES = (PYTHON, "motia.config.ts", "motia.config.js")
KNOWN = ("streamAuth",)
SHAPE = 'write {"streamAuth": {"authenticate": function}}'


class Configuration(msgspec.Struct, frozen=True, kw_only=True):
    """What was read. Where broken says why it could not be, nobody may listen to streams."""

    authenticate: Callable[[Any], Any] | None = None
    broken: str = ""
    problems: tuple[Problem, ...] = ()


def read_configuration(root: Path, languages: Languages) -> Configuration:
    """Read the configuration below root, if it has one; the first of NAMES counts."""
    name = next((name for name in NAMES if (root / name).is_file()), None)
    if name is None:
        return Configuration()
    report = Report(name)
    try:
        config, unknown = _load(root, name, languages)
    except StepLoadError as error:
        report.error(
            "", error.reason, "mend the file; until then no stream is served live", line=error.line
        )
        return Configuration(broken=f"{name} is broken", problems=tuple(report.problems))
    for key in unknown:
        report.warn(key, "is not supported, so it is ignored", "see docs/node.md, or remove it")
    authenticate = _authenticate(config, report)
    return Configuration(
        authenticate=authenticate,
        broken=f"{name} is broken" if report.has_error() else "",
        problems=tuple(report.problems),
    )


def _load(root: Path, name: str, languages: Languages) -> tuple[Mapping[str, Any], list[str]]:
    if name != PYTHON:
        config, unknown = languages.node.load_config(root / name)
        return config, list(unknown)
    loaded = languages.python.load(root / name)
    if loaded.config is None:
        raise StepLoadError(name, "it has no config, or one that is no dict")
    config = dict(loaded.config)
    return config, sorted(config.keys() - set(KNOWN))


def _authenticate(config: Mapping[str, Any], report: Report) -> Callable[[Any], Any] | None:
    auth = config.get("streamAuth")
    if auth is None:
        return None
    if not isinstance(auth, Mapping):
        report.error("streamAuth", f"is {shown(auth)}, not an object", SHAPE)
        return None
    authenticate = auth.get("authenticate")
    if not callable(authenticate):
        # Ignoring it would open to everybody what was meant to be guarded.
        report.error("streamAuth.authenticate", f"is {shown(authenticate)}, not a function", SHAPE)
        return None
    found: Callable[[Any], Any] = authenticate
    return found
