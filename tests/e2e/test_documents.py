"""What the documents say is there is there: commands, files and tests."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest

from motia_actors.settings import SOURCES, Settings
from motia_actors.steps.fields import Fields
from motia_actors.steps.infrastructure import read_infrastructure
from motia_actors.steps.report import Report
from tests.e2e.server import ROOT
from tests.test_tidy import MAY_IMPORT, MODULES, PACKAGE

DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*/README.md")]
)
README = (ROOT / "README.md").read_text("utf-8")
TARGETS = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))

named = pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


def functions(path: Path) -> set[str]:
    tree = ast.parse(path.read_text("utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@named
def test_every_make_command_of_a_document_is_a_target(path: Path) -> None:
    commands = re.findall(r"^make (\w+)|`make (\w+)", path.read_text("utf-8"), re.MULTILINE)

    assert {first or second for first, second in commands} <= TARGETS


@named
def test_every_link_of_a_document_leads_to_a_file(path: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text("utf-8"))

    assert [link for link in links if not (path.parent / link).exists()] == []


@named
def test_every_test_that_a_document_names_exists(path: Path) -> None:
    for file, name in re.findall(r"`([\w/]+\.py)::(\w+)`", path.read_text("utf-8")):
        assert name in functions(ROOT / file), f"{file}::{name}"


def test_the_first_screen_of_the_readme_has_a_step_and_two_commands() -> None:
    screen = "\n".join(README.splitlines()[:32])

    assert "async def handler" in screen
    assert re.findall(r"^make (\w+)", screen, re.MULTILINE) == ["demo", "test"]


def test_the_first_example_has_a_step_of_every_kind_that_runs() -> None:
    triggers = {
        kind
        for step in (ROOT / "examples" / "hello" / "steps").glob("*_step.py")
        for kind in re.findall(r'"type": "(api|event|cron|noop)"', step.read_text("utf-8"))
    }

    assert triggers == {"api", "event", "cron"}


def rows(document: str, section: str) -> dict[str, str]:
    """Read the first two columns of the table in a section."""
    text = (
        (ROOT / "docs" / document).read_text("utf-8").split(f"## {section}\n")[1].split("\n## ")[0]
    )
    return dict(re.findall(r"^\| `([^`]+)` \| (.*?) ?\|", text, re.MULTILINE))


def test_the_settings_page_lists_every_setting_with_its_default() -> None:
    listed = rows("settings.md", "The process")

    assert set(listed) == {source.name for source in SOURCES.values()}
    for field, source in SOURCES.items():
        shown = listed[source.name].strip("` ")
        default = getattr(Settings(), field)
        if default != "" and field != "project":
            assert source.read(shown) == default, source.name


def test_the_settings_page_lists_every_key_of_infrastructure() -> None:
    config: dict[str, Any] = {"type": "api", "name": "S", "method": "GET", "path": "/", "emits": []}
    words: dict[str, object] = {"queue.transactional": True, "queue.backoff": "linear"}
    words |= {"isolation": "process", "processes": 2}
    words |= {"mailbox.overflow": "block", "queue.type": "fifo", "rateLimit.by": "all"}
    words |= {"cron.timezone": "UTC", "cron.overlap": "allow", "cron.misfire": "once"}
    for key in rows("settings.md", "A step"):
        if key.startswith("queue.debounce"):
            continue  # Of event steps alone, as rateLimit is of api steps.
        *parents, last = key.split(".")
        at = config.setdefault("infrastructure", {})
        for parent in parents:
            at = at.setdefault(parent, {})
        at[last] = words.get(key, 902 if key == "queue.visibilityTimeout" else 901)
    report = Report("steps/s_step.py")

    read_infrastructure(Fields(config, report), report, kinds={"api"})

    assert not report.problems


def test_the_architecture_page_tells_of_every_unit_after_those_it_imports() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    table = text.split("| unit |")[1].split("\n\n")[0]
    told = [
        name for row in table.splitlines()[2:] for name in re.findall(r"`(\w+)`", row.split("|")[1])
    ]
    units = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in MODULES}

    assert set(told) == {unit for unit in units if not unit.startswith("__")}
    for index, unit in enumerate(told):
        assert set(MAY_IMPORT[unit].split()) & set(told) <= set(told[:index]), unit
