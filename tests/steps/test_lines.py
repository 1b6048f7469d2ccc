"""The line of a config's field is found in its file."""

from __future__ import annotations

from pathlib import Path

import pytest

from motia_actors.steps.config import Problem
from motia_actors.steps.lines import located

PYTHON = '''
"""config = not this one"""
before = {"path": "/no"}
config: dict = {
    "name": "A",
    "infrastructure": {
        "queue": {"type": "standard",
                  "maxRetries": -1},
    },
    "responseSchema": {200: {},
                       "x": {}},
}


def handler(req, context):
    return {"path": "no"}
'''
TYPESCRIPT = """
import { ApiRouteConfig } from 'motia'
// config = not this one
const before = { path: '/no' }

export const config: ApiRouteConfig = {
  name: 'A', type: 'api',
  infrastructure: {
    queue: {
      'maxRetries': -1 },
  },
}
export const handler = async () => ({ path: 'no' })
"""


def line(root: Path, name: str, text: str, field: str) -> int | None:
    (root / name).write_text(text, "utf-8")
    problem = Problem(severity="warning", file=name, field=field, reason="r", way_out="w")
    return located(problem, root).line


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("name", 5),
        ("infrastructure.queue.maxRetries", 8),
        ("infrastructure.queue.nothing", 7),
        ("responseSchema.x", 11),
        ("responseSchema.200.type", 10),
        ("path", 4),
        ("name[0].topic", 5),
        ("config", 4),
        ("handler", None),
        ("", None),
    ],
)
def test_a_field_of_a_python_step_has_a_line(
    tmp_path: Path, field: str, expected: int | None
) -> None:
    assert line(tmp_path, "a_step.py", PYTHON, field) == expected


@pytest.mark.parametrize("name", ["a.step.ts", "a.step.js"])
@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("type", 7),
        ("infrastructure.queue.maxRetries", 10),
        ("infrastructure.queue.nothing", 9),
        ("path", 6),
        ("config", 6),
    ],
)
def test_a_field_of_a_node_step_has_a_line(
    tmp_path: Path, name: str, field: str, expected: int
) -> None:
    assert line(tmp_path, name, TYPESCRIPT, field) == expected


@pytest.mark.parametrize("text", ["config = (", "x = 1", "\0", "config = make()"])
def test_a_config_that_is_no_literal_has_its_own_line_or_none(tmp_path: Path, text: str) -> None:
    expected = 1 if text == "config = make()" else None

    assert line(tmp_path, "a_step.py", text, "name") == expected


def test_a_known_line_and_a_missing_file_stay_as_they_are(tmp_path: Path) -> None:
    known = Problem(severity="error", file="a.py", field="f", reason="r", way_out="w", line=7)
    lost = Problem(severity="error", file="lost.py", field="f", reason="r", way_out="w")

    assert located(known, tmp_path) == known
    assert located(lost, tmp_path) == lost
