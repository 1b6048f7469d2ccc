"""The project's own configuration: `motia_config.py`, `motia.config.ts` or `motia.config.js`.

Of what Motia's has, `streamAuth` is done here; `middleware`, which is around every api step, is
ours; everything else is reported.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from motia_actors.errors import StepLoadError, UsageError
from motia_actors.runner import Handler
from motia_actors.runners.languages import Languages
from motia_actors.steps.config import Problem
from motia_actors.steps.fields import shown
from motia_actors.steps.report import Report

PYTHON = "motia_config.py"
NAMES = (PYTHON, "motia.config.ts", "motia.config.js")
KNOWN = ("middleware", "streamAuth")
SHAPE = 'write {"streamAuth": {"authenticate": function}}'

MIDDLEWARE_SHAPE = 'write {"middleware": [function]}'


class Configuration(msgspec.Struct, frozen=True, kw_only=True):
    """What was read. Where broken says why it could not be, nobody may listen to streams.

    `around` puts an api step's handler behind the middleware of all; it raises UsageError where
    the step must not be served without, and cannot be with it. None: there is none.
    """

    around: Callable[[Handler], Handler] | None = None
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
        broken = f"{name} is broken"
        # What is meant to be guarded is not served unguarded.
        around = _refusing(broken) if b"middleware" in (root / name).read_bytes() else None
        return Configuration(around=around, broken=broken, problems=tuple(report.problems))
    for key in unknown:
        report.warn(key, "is not supported, so it is ignored", "see docs/node.md, or remove it")
    around = _around(name, config.get("middleware"), languages, report)
    problem_count = len(report.problems)
    authenticate = _authenticate(config, report)
    is_auth_broken = len(report.problems) > problem_count
    return Configuration(
        around=around,
        authenticate=authenticate,
        broken=f"{name} is broken" if is_auth_broken else "",
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


def _around(
    name: str, middleware: Any, languages: Languages, report: Report
) -> Callable[[Handler], Handler] | None:
    if not middleware:
        return None
    if name != PYTHON:
        return lambda handler: languages.node.behind(handler, Path(name))
    listed = middleware if isinstance(middleware, list | tuple) else [middleware]
    for one in listed:
        if not callable(one):
            report.error("middleware", f"holds {shown(one)}, not a function", MIDDLEWARE_SHAPE)
            return _refusing(f"the middleware of {name} is broken")
    return lambda handler: languages.python.behind(handler, listed)


def _refusing(why: str) -> Callable[[Handler], Handler]:
    def refuse(_handler: Handler) -> Handler:
        raise UsageError(f"{why}, so the step is not served")

    return refuse


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
