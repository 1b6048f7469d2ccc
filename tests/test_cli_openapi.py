"""`motia-actors generate openapi` writes what the server would answer."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from motia_actors.cli import cli
from tests.e2e.server import EXAMPLES


@pytest.fixture(autouse=True)
def _folder() -> Iterator[None]:
    folder = Path.cwd()
    yield
    os.chdir(folder)


def test_the_document_goes_to_a_file_or_the_terminal(tmp_path: Path) -> None:
    target = tmp_path / "api.json"
    command = ["generate", "openapi", "--project", str(EXAMPLES / "orders")]

    shown = CliRunner().invoke(cli, command)
    written = CliRunner().invoke(cli, [*command, "-o", str(target), "--title", "Shop"])

    assert (shown.exit_code, written.exit_code) == (0, 0)
    assert set(json.loads(shown.stdout)["paths"]) >= {"/orders", "/orders/{id}"}
    assert json.loads(target.read_text())["info"]["title"] == "Shop"
