"""The command line: `motia-actors check --compat`, for projects that were written for Motia."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import click

from motia_actors.compat.finding import GRADES, RULES, Finding
from motia_actors.compat.report import as_json, counts, read_findings
from motia_actors.steps.discovery import find_files

TITLES = {"change": "to change", "differs": "otherwise than under Motia", "note": "to know"}
COLOURS = {"change": "red", "differs": "yellow", "note": "cyan"}


def tell(project: Path, *, is_json: bool, is_strict: bool) -> bool:
    """Print what will be otherwise; answers whether there are steps and nothing must be changed.

    is_strict: what merely differs counts too.
    """
    findings = read_findings(project)
    if not find_files(project):
        click.echo(
            f"nothing to read: {project} has no steps/*_step.py, *.step.ts or *.step.js", err=True
        )
        return False
    if is_json:
        click.echo(json.dumps(as_json(findings), indent=2, ensure_ascii=False))
    else:
        _show(findings)
    of_grade = counts(findings)
    return not (of_grade["change"] or (is_strict and of_grade["differs"]))


def _show(findings: Sequence[Finding]) -> None:
    """One paragraph a rule: what, what to do, and where."""
    for rule, group in groupby(findings, key=lambda one: one.rule):
        grade = RULES[rule].grade
        click.echo(f"{click.style(grade, fg=COLOURS[grade])}: {RULES[rule].what} [{rule}]")
        click.echo(f"    {RULES[rule].way_out}")
        for one in group:
            place = one.file if one.line is None else f"{one.file}:{one.line}"
            click.echo(f"      {place}" + (f"  {one.detail}" if one.detail else ""))
        click.echo()
    of_grade = counts(findings)
    click.echo(", ".join(f"{of_grade[grade]} {TITLES[grade]}" for grade in GRADES))
    click.echo(
        "what differs for every project: docs/migration.md; what is wrong with this one: check"
    )
