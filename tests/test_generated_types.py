"""Generated types check handlers: tsc and mypy pass the examples, and find what is wrong."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from motia_actors.cli import cli
from tests import npm
from tests.e2e.server import EXAMPLES, copy_project

pytestmark = pytest.mark.slow

TSC_S_MAX = 120
NAMES = ["chat", "hello", "helpdesk", "mixed_languages", "orders"]


@pytest.fixture(scope="module")
def compiler(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("typescript")
    manifest = {"private": True, "dependencies": {"typescript": "5.9.3"}}
    (folder / "package.json").write_text(json.dumps(manifest), "utf-8")
    npm.install(folder)
    return folder / "node_modules" / "typescript" / "bin" / "tsc"


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    return copy_project(EXAMPLES / "mixed_languages", tmp_path / "mixed")


def generate(project: Path, *options: str) -> int:
    command = [sys.executable, "-m", "motia_actors", "generate", "types", "--project", str(project)]
    return subprocess.run([*command, *options], check=False, timeout=TSC_S_MAX).returncode


def tsc(compiler: Path, project: Path) -> str:
    node = shutil.which("node")
    assert node is not None
    done = subprocess.run(
        [node, str(compiler), "--noEmit", "-p", str(project)],
        capture_output=True, text=True, timeout=TSC_S_MAX, check=False,
    )  # fmt: skip
    assert (done.returncode == 0) == (not done.stdout), done.stderr
    return done.stdout


def mypy(project: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--explicit-package-bases", "--strict-equality",
         "--check-untyped-defs", "--config-file", "", "--cache-dir", str(project / ".mypy"), "."],
        cwd=project, capture_output=True, text=True, timeout=TSC_S_MAX, check=False,
    )  # fmt: skip
    return "" if done.returncode == 0 else done.stdout + done.stderr


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new), "utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_the_stub_of_an_example_is_one_that_mypy_takes(name: str, tmp_path: Path) -> None:
    project = copy_project(EXAMPLES / name, tmp_path / name)

    assert generate(project) == 0
    stub = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file", "",
         "--cache-dir", str(tmp_path / "cache"), "motia_types.pyi"],
        cwd=project, capture_output=True, text=True, timeout=TSC_S_MAX, check=False,
    )  # fmt: skip

    assert stub.returncode == 0, stub.stdout


def test_what_the_example_keeps_is_what_its_steps_say() -> None:
    assert generate(EXAMPLES / "mixed_languages", "--check") == 0


def test_the_example_passes_tsc_and_mypy(mixed: Path, compiler: Path) -> None:
    assert tsc(compiler, mixed) == ""
    assert mypy(mixed) == ""


@pytest.mark.parametrize(
    ("file", "old", "new", "found"),
    [
        ("steps/submit-review.step.ts", "topic: 'review.submitted'", "topic: 'review.sent'",
         "is not assignable to type '\"review.submitted\"'"),
        ("steps/submit-review.step.ts", "text: review.text }", "text: 5 }", "is not assignable"),
        ("steps/submit-review.step.ts", "status: 202", "status: 201", "is not assignable"),
        ("steps/submit-review.step.ts", "req.body", "req.body.nothing", "'nothing' does not exist"),
        ("steps/submit-review.step.ts", "req.client", "req.clients", "'clients' does not exist"),
        ("steps/list-reviews.step.ts", "streams.reviews", "streams.ratings",
         "'ratings' does not exist"),
        ("steps/submit-review.step.ts", "Handlers['SubmitReview']", "Handlers['Submit']",
         "'Submit' does not exist"),
        ("steps/list-reviews.step.ts", "{ product,", "{ produce,", "'produce' does not exist"),
        ("steps/publish-review.step.js", "points < -0.5", "points < '-0.5'", "cannot be applied"),
    ],
)  # fmt: skip
def test_tsc_finds_what_is_wrong(
    mixed: Path, compiler: Path, file: str, old: str, new: str, found: str
) -> None:
    edit(mixed / file, old, new)

    assert found in tsc(compiler, mixed)


@pytest.mark.parametrize(
    ("file", "old", "new", "found"),
    [
        ("steps/score_review_step.py", '"topic": "review.scored"', '"topic": "review.done"',
         "Literal['review.scored']"),
        ("steps/score_review_step.py", '"points": points}}', '"points": "many"}}',
         'TypedDict item "points" has type "float"'),
        ("steps/score_review_step.py", 'review["text"]', 'review["texts"]', 'has no key "texts"'),
        ("steps/get_review_step.py", 'req.pathParams["id"])', 'req.pathParams["ids"])',
         'has no key "ids"'),
        ("steps/get_review_step.py", '{"error": f"no', '{"errors": f"no', "GetReview"),
        ("steps/get_review_step.py", '"status": 404', '"status": 405', "GetReviewResponse404"),
        ("steps/get_review_step.py", "context.state.get(", "context.streams.ratings.get(",
         'has no attribute "ratings"'),
    ],
)  # fmt: skip
def test_mypy_finds_what_is_wrong(mixed: Path, file: str, old: str, new: str, found: str) -> None:
    edit(mixed / file, old, new)

    assert found in mypy(mixed)


def test_what_is_out_of_date_is_said_and_not_written(mixed: Path) -> None:
    edit(mixed / "steps" / "submit-review.step.ts", "'SubmitReview',", "'TakeReview',")
    before = (mixed / "types.d.ts").read_text("utf-8")

    assert generate(mixed, "--check") == 1
    assert (mixed / "types.d.ts").read_text("utf-8") == before
    assert generate(mixed) == 0
    assert "'TakeReview'" in (mixed / "types.d.ts").read_text("utf-8")


def test_a_project_in_python_alone_gets_a_stub_alone(tmp_path: Path) -> None:
    project = copy_project(EXAMPLES / "orders", tmp_path / "orders")

    done = CliRunner().invoke(cli, ["generate", "types", "--project", str(project)])

    assert done.exit_code == 0, done.output
    assert (project / "motia_types.pyi").is_file()
    assert not (project / "types.d.ts").exists()


MULTI = """import type { Handlers, StepConfig } from 'motia'

const order = { type: 'object', properties: { id: { type: 'string' } }, required: ['id'] }
export const config: StepConfig = {
  name: 'KeepOrder',
  triggers: [
    { type: 'api', method: 'PUT', path: '/orders/:key', bodySchema: order, responseSchema: { 200: order } },
    { type: 'event', subscribes: ['review.submitted'], input: order },
    { type: 'cron', cron: '@daily' },
  ],
  emits: [],
}

export const handler: Handlers['KeepOrder'] = async (input, { trigger, logger }) => {
  if (trigger.type === 'event') logger.info(trigger.topic)
  if (!input) return
  if ('body' in input) return { status: 200, body: { id: input.body.id + input.pathParams.key } }
  logger.info(input.id)
}
"""  # noqa: E501 (lines of another language)


def test_tsc_and_mypy_know_the_triggers_of_a_step(mixed: Path, compiler: Path) -> None:
    step = mixed / "steps" / "keep-order.step.ts"
    step.write_text(MULTI, "utf-8")
    other = mixed / "steps" / "use_step.py"
    other.write_text(
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from motia_types import KeepOrder\n"
        "config = {'name': 'Use', 'type': 'noop'}\n"
        "async def handler(given: 'KeepOrder.Request | KeepOrder.Input | None',\n"
        "                  context: 'KeepOrder.Context') -> 'str | None':\n"
        "    return context.trigger.topic\n",
        "utf-8",
    )
    assert generate(mixed) == 0

    assert tsc(compiler, mixed) == ""
    assert mypy(mixed) == ""
    edit(step, "trigger.topic", "trigger.path")
    edit(step, "input.body.id", "input.body.name")
    edit(step, "method: 'PUT'", "method: 'FETCH'")
    found = tsc(compiler, mixed)
    assert "'path' does not exist" in found
    assert "'name' does not exist" in found
    assert "FETCH" in found
