"""Every code block of the documentation is tried: run, loaded, parsed or at least compiled."""

from __future__ import annotations

import ast
import configparser
import json
import os
import re
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path

import click
import pytest

from motia_actors.cli import cli
from motia_actors.parts import read_project
from motia_actors.runners.node_binary import find_node
from motia_actors.settings import Settings
from tests.docs.pages import ALL, FIVE_MINUTES, PAGES, TUTORIAL, Block, blocks, of
from tests.docs.walk import Walk, commands, matches, words
from tests.e2e.server import EXAMPLES, ROOT, copy_project, write_project

# Nothing here can try these: a picture in text, and files of other programs.
UNTRIED = {"text", "", "dockerfile", "nginx", "html"}
# A line that stands for what is left out.
ELLIPSIS = re.compile(r"^[ \t]*…,?\n", re.MULTILINE)
STEP = re.compile(r"[._](?:step|stream)\.")
DIRECTIVES = re.compile(r"\{[\w-]+\}")
TRIED = {"python", "ts", "js", "json", "toml", "ini", "sh", "console"}
STRIP = "process.stdin.toArray().then((a) => require('module').stripTypeScriptTypes(a.join('')))"


def by_id(found: list[Block]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("block", found, ids=lambda block: block.id)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_is_in_a_language_that_is_tried_or_cannot_be(page: Path) -> None:
    languages = {one.language for one in blocks(page) if not DIRECTIVES.match(one.language)}

    assert languages <= TRIED | UNTRIED
    assert page.read_text("utf-8").count("\n```") % 2 == 0, "a block that is not closed"


def test_most_blocks_are_run_and_not_only_compiled() -> None:
    python = of("python")

    assert len([block for block in python if not block.how]) > 0.7 * len(python) > 10


@pytest.mark.slow
@by_id(of("python"))
def test_python_runs(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = ELLIPSIS.sub("", block.text)
    is_inside = re.search(r"^(?:return|await)\b", text, re.MULTILINE) is not None
    if is_inside:  # Of a handler, whose names are not here: it can be read, and not run.
        text = f"async def handler(req, context):\n{textwrap.indent(text, '    ')}"
    tree = ast.parse(text)
    if block.how == "compile" or is_inside or block.page in (*TUTORIAL, FIVE_MINUTES):
        compile(tree, block.id, "exec")  # The walk through its page runs it.
        return
    names = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    if any(name.startswith("test_") for name in names):
        _run_tests(block, tmp_path)
    elif '"type"' in text or STEP.search(block.path or ""):
        name = "steps/a_step.py" if block.path is None else block.path
        _load(tmp_path, {name: text}, has_handler="def handler" in text)
    else:
        monkeypatch.chdir(tmp_path)
        exec(compile(tree, block.id, "exec"), {"__name__": "snippet"})  # noqa: S102 (our own pages)


def _run_tests(block: Block, folder: Path) -> None:
    """Run its tests in the project that the pages on testing are about."""
    project = copy_project(EXAMPLES / "orders", folder / "orders")
    (folder / "examples").mkdir()
    (folder / "examples" / "orders").symlink_to(project)
    test = project / "tests" / "test_of_a_page.py"
    test.write_text(block.text, "utf-8")
    words = ["-q", "-p", "no:cacheprovider", f"--rootdir={project}", str(test)]
    code = (
        f"import sys, pytest; sys.path.insert(0, {str(project)!r}); sys.exit(pytest.main({words}))"
    )
    done = subprocess.run(
        ["python", "-c", code], cwd=folder, capture_output=True, text=True, timeout=60, check=False,
        env=_environment(),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def _environment() -> dict[str, str]:
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


def _load(folder: Path, files: dict[str, str], *, has_handler: bool) -> None:
    """Have the runtime read the files as a project: nothing may be wrong with them."""
    if not has_handler:  # A page that is about a step's config leaves the handler out.
        files = {
            name: f"{text}\n\ndef handler(*_): pass\n" if "_stream" not in name else text
            for name, text in files.items()
        }
    catalog = read_project(Settings(project=write_project(folder / "project", files)))

    assert catalog.errors == ()
    assert len(catalog.steps) + len(catalog.streams) == len(files)
    assert [one for one in catalog.problems if "no known key" in one.reason] == []


@pytest.mark.slow
@by_id(of("ts", "js"))
def test_typescript_and_javascript_load(block: Block, tmp_path: Path) -> None:
    if block.how != "compile" and "export const config" in block.text:
        name = block.path or f"steps/a.step.{block.language}"
        _load(tmp_path, {name: block.text}, has_handler=True)
        return
    text = block.text
    if re.search(r"^return\b", text, re.MULTILINE):  # Of a handler.
        imports = "".join(re.findall(r"^import .*\n", text, re.MULTILINE))
        body = re.sub(r"^import .*\n", "", text, flags=re.MULTILINE)
        text = f"{imports}async () => {{\n{body}}}\n"
    done = subprocess.run(
        [find_node(), "--no-warnings", "-e", STRIP],
        input=text, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@by_id(of("json", "toml", "ini"))
def test_data_is_well_formed(block: Block) -> None:
    match block.language:
        case "json":
            for line in block.text.splitlines() if "\n{" in block.text else [block.text]:
                json.loads(line)
        case "toml":
            tomllib.loads(block.text)
        case _:
            parser = configparser.ConfigParser(interpolation=None, strict=False)
            parser.read_string(block.text)
            assert parser.sections()


@by_id([block for block in of("sh", "console") if "motia-actors " in block.text])
def test_every_command_of_ours_takes_its_options(block: Block) -> None:
    text = re.sub(r"^\$ ", "", block.text, flags=re.MULTILINE)
    for command in commands(block._replace(text=text)):
        match = re.match(r"(?:MOTIA_\w+=\S+ )?motia-actors (.*)", command)
        if match:
            _parse(words(re.sub(r"\$\([^)]*\)", "made", match[1])))


def _parse(given: list[str]) -> None:
    """Read the words as the command line does, and do nothing."""
    group: click.Command = cli
    context = click.Context(cli)
    while isinstance(group, click.Group) and given and not given[0].startswith("-"):
        name, found, given = group.resolve_command(context, given)
        assert found is not None, name
        group = found
    try:
        group.make_context("motia-actors", list(given), parent=context)
    except click.exceptions.Exit:
        pass  # --help or --version
    except click.UsageError as error:
        if "does not exist" not in error.message:  # Files that a page speaks of need not be here.
            raise AssertionError(f"{given}: {error.message}") from error


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("page", [FIVE_MINUTES], ids=lambda page: page.name)
def test_five_minutes_are_as_the_page_says(page: Path, tmp_path: Path) -> None:
    with Walk(tmp_path) as walk:
        walk.page(page)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_tutorial_is_as_its_pages_say(tmp_path: Path) -> None:
    with Walk(tmp_path) as walk:
        for page in TUTORIAL_ORDER:
            walk.page(page)


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_the_commands_of_the_readme_run(tmp_path: Path) -> None:
    with Walk(tmp_path) as walk:
        for block in blocks(ROOT / "README.md"):
            for command in commands(block) if block.language == "sh" else ():
                if command == "make test":
                    continue  # This is it.
                walk.command(command, None, where=block.id)
                if command.startswith("motia-actors new"):
                    walk.go(walk.place / words(command)[2])


TUTORIAL_ORDER = [
    ROOT / "docs" / "tutorial" / f"{name}.md"
    for name in ("events", "state", "streams", "cron", "testing", "deploy")
]


def test_the_walk_through_the_tutorial_leaves_no_page_out() -> None:
    assert set(TUTORIAL_ORDER) == set(TUTORIAL)


@pytest.mark.parametrize(
    ("expected", "printed", "is_match"),
    [
        ("a", "a\n", True),
        ("a …", "a b c", True),
        ("a …", "a b\nc", False),
        ("a\n…\nd", "a\nb\nc\nd", True),
        ("…", "", True),
        ("a.c", "abc", False),
        ("a", "a\nb", False),
    ],
)
def test_dots_stand_for_what_may_differ(expected: str, printed: str, is_match: bool) -> None:
    assert matches(expected, printed) == is_match


def test_there_are_blocks_at_all() -> None:
    assert len(ALL) > 50
