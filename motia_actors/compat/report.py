"""All findings of a project, sorted: read without running a line of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from motia_actors.compat.config_rules import of_config
from motia_actors.compat.configs import read_configs
from motia_actors.compat.finding import GRADES, RULES, Finding, Grade
from motia_actors.compat.project_rules import has_compiler, of_project
from motia_actors.compat.python_rules import of_python
from motia_actors.compat.script_rules import of_script
from motia_actors.compat.sources import read_sources


def read_findings(root: Path) -> list[Finding]:
    """What will be otherwise, the gravest first, then by rule, file and line; none twice."""
    found = dict.fromkeys(_findings(root.resolve()))
    order = list(RULES)
    return sorted(
        found,
        key=lambda one: (
            GRADES.index(RULES[one.rule].grade), order.index(one.rule), one.file, one.line or 0
        ),
    )  # fmt: skip


def counts(findings: Sequence[Finding]) -> dict[Grade, int]:
    """How many there are of each grade."""
    return {grade: sum(RULES[one.rule].grade == grade for one in findings) for grade in GRADES}


def as_json(findings: Sequence[Finding]) -> dict[str, object]:
    """The report for programs."""
    return {
        "counts": counts(findings),
        "findings": [
            {
                "rule": one.rule,
                "grade": RULES[one.rule].grade,
                "file": one.file,
                "line": one.line,
                "detail": one.detail,
                "what": RULES[one.rule].what,
                "wayOut": RULES[one.rule].way_out,
            }
            for one in findings
        ],
    }


def _findings(root: Path) -> Iterator[Finding]:
    sources = read_sources(root)
    yield from of_project(root, sources)
    for config in read_configs(sources):
        yield from of_config(config)
    for file in sources.python:
        yield from of_python(file)
    can_compile = has_compiler(root)
    for script in sources.scripts:
        yield from of_script(script, has_compiler=can_compile)
