"""The command line: `new` and `generate`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from motia_actors import cli_new
from motia_actors.cli import cli

Invoke = Callable[..., Result]


@pytest.fixture
def invoke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MOTIA_PROJECT", raising=False)

    def run(*words: str, typed: str | None = None) -> Result:
        monkeypatch.setattr(cli_new, "_asks", lambda: typed is not None)
        return CliRunner().invoke(cli, list(words), input=typed)

    return run


def test_a_new_project_is_written_and_the_next_command_named(invoke: Invoke) -> None:
    result = invoke("new", "shop")

    assert result.exit_code == 0
    assert Path("shop/steps/create_task_step.py").exists()
    assert "cd shop\n    motia-actors dev" in result.output


def test_at_a_terminal_it_asks_for_what_was_not_said(invoke: Invoke) -> None:
    result = invoke("new", typed="shop\nmixed\n")

    assert result.exit_code == 0
    assert Path("shop/steps/summarize.step.js").exists()


def test_elsewhere_the_name_must_be_said(invoke: Invoke) -> None:
    result = invoke("new")

    assert result.exit_code == 2
    assert "motia-actors new NAME" in result.output


def test_the_current_folder_is_a_place_too(invoke: Invoke) -> None:
    result = invoke("new", ".", "-t", "typescript")

    assert result.exit_code == 0
    assert Path("package.json").exists()
    assert "cd " not in result.output


def test_a_name_that_is_none_is_a_sentence_and_status_2(invoke: Invoke) -> None:
    result = invoke("new", "a/b")

    assert result.exit_code == 2
    assert "cannot name a project" in result.output


def test_a_step_goes_where_the_projects_steps_are(invoke: Invoke) -> None:
    Path("src").mkdir()
    into_src = invoke("generate", "step", "event", "ShipOrder", "--topic", "paid", "-d", "orders")
    Path("steps").mkdir()
    into_steps = invoke("generate", "stream", "orders", "-l", "typescript")

    assert into_src.output == "wrote src/orders/ship_order_step.py\n"
    assert '"subscribes": ["paid"]' in Path("src/orders/ship_order_step.py").read_text()
    assert into_steps.output == "wrote steps/orders.stream.ts\n"
