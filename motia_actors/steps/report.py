"""Collect what is wrong with one file while it is read."""

from __future__ import annotations

from typing import Literal

from motia_actors.steps.config import Problem


class Report:
    """The problems of one file, in the order they were found. For one thread."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []

    def error(self, field: str, reason: str, way_out: str, *, line: int | None = None) -> None:
        """Note something that keeps the step from running."""
        self._note("error", field, reason, way_out, line)

    def warn(self, field: str, reason: str, way_out: str) -> None:
        """Note something that the step can run with."""
        self._note("warning", field, reason, way_out, None)

    def has_error(self) -> bool:
        """Something found so far keeps the step from running."""
        return any(problem.severity == "error" for problem in self.problems)

    def _note(
        self,
        severity: Literal["error", "warning"],
        field: str,
        reason: str,
        way_out: str,
        line: int | None,
    ) -> None:
        self.problems.append(
            Problem(
                severity=severity,
                file=self.file,
                field=field,
                reason=reason,
                way_out=way_out,
                line=line,
            )
        )
