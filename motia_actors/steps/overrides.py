"""Read a project's `infrastructure.toml`: what it says of a step stands over the step's own file.

    ["steps/charge_payment_step.py"]
    concurrency = 16
    mailbox = { size = 64 }

So what was found by measuring, or what differs between machines, needs no edit of code.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from motia_actors.steps.fields import Fields, close_to, shown
from motia_actors.steps.infrastructure import read_infrastructure
from motia_actors.steps.report import Report

NAME = "infrastructure.toml"

Overrides = Mapping[str, Mapping[str, Any]]


def read_overrides(path: Path, report: Report) -> Overrides:
    """Read the file: `infrastructure` by step id. Nothing where there is no such file.

    What is malformed is reported and left out, so that the steps run as their files say.
    """
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        report.error("", f"cannot be read: {error}", "mend it; steps run as their own files say")
        return {}
    return {step: table for step, table in tables.items() if _is_sound(step, table, report)}


def check_owners(overrides: Overrides, ids: Iterable[str], report: Report) -> None:
    """Warn of tables that are of no step."""
    known = list(ids)
    for step in overrides:
        if step not in known:
            guess = close_to(step, known)
            way_out = f'write ["{guess}"]' if guess else "write the file's path in the project"
            report.warn(step, "is no step of this project", way_out)


def merged(config: Mapping[str, Any], over: Mapping[str, Any]) -> Mapping[str, Any]:
    """The config with over above its `infrastructure`, key by key and as deep as both go."""
    return _merged(config, {"infrastructure": over})


def _merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(under)
    for key, value in over.items():
        below = result.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            value = _merged(below, value)
        result[key] = value
    return result


def _is_sound(step: str, table: object, report: Report) -> bool:
    if not isinstance(table, dict):
        report.error(step, f"is {shown(table)}, not a table", f'write ["{step}"] above its keys')
        return False
    own = Report(report.file)
    read_infrastructure(Fields({"infrastructure": table}, own), own)
    for problem in own.problems:
        note = report.error if problem.severity == "error" else report.warn
        field = problem.field.removeprefix("infrastructure.")
        note(f"{step}: {field}", problem.reason, problem.way_out)
    return not own.has_error()
