"""Read a config in one line."""

from __future__ import annotations

from typing import Any

from motia_actors.steps.config import Problem, Step
from motia_actors.steps.reading import read_step
from motia_actors.steps.report import Report

API: dict[str, Any] = {"type": "api", "name": "A", "method": "GET", "path": "/a", "emits": []}
EVENT: dict[str, Any] = {"type": "event", "name": "E", "subscribes": ["t"], "emits": []}
CRON: dict[str, Any] = {"type": "cron", "name": "C", "cron": "0 9 * * *", "emits": []}
NOOP: dict[str, Any] = {
    "type": "noop",
    "name": "N",
    "virtualEmits": ["go"],
    "virtualSubscribes": [],
}


def read(
    config: dict[str, Any], *, file: str = "steps/a_step.py", has_handler: bool = True
) -> tuple[Step | None, list[Problem]]:
    report = Report(file)
    return read_step(config, report, has_handler=has_handler, timezone="UTC"), report.problems


def step_of(config: dict[str, Any]) -> Step:
    step, problems = read(config)
    assert step is not None, problems
    return step
