"""`make audit` never calls it a pass when nothing was asked."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType

import pytest

from tests.e2e.server import ROOT

NONE = "No known vulnerabilities found"
SKIPPED = "falcon  Dependency not found on PyPI and could not be audited: falcon (4.4.0)"


@pytest.fixture(scope="module")
def audit() -> ModuleType:
    path = ROOT / "build_backend" / "audit.py"
    spec = importlib.util.spec_from_file_location("motia_actors_audit", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("said", "exits", "code"),
    [
        (NONE, 0, 0),
        ("Found 2 known vulnerabilities in 1 package", 1, 1),
        ("npm error audit endpoint returned an error", 1, 2),
        (f"{SKIPPED}\n{NONE}", 0, 2),
        ("", 0, 2),
    ],
)
def test_the_code_tells_a_pass_from_a_hole_from_no_answer(
    audit: ModuleType, said: str, exits: int, code: int
) -> None:
    script = f"import sys; print({said!r}); sys.exit({exits})"

    assert audit.ask((sys.executable, "-c", script), audit.PYTHON_ASKED).code == code


def test_a_tool_that_is_not_there_is_no_pass(audit: ModuleType) -> None:
    assert audit.ask(("/nowhere/npm",), audit.FRONT_ASKED).code == 2
