"""Fixtures for pytest: `motia`, the whole project in memory, and `motia_context`, for one step."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    # What is imported here runs in every test session of the machine: the rest waits.
    from motia_actors.testing import FakeContext, Harness


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the setting that names the project."""
    parser.addini("motia_project", "folder of the project that the fixture `motia` runs")


@pytest.fixture
def motia_project(request: pytest.FixtureRequest) -> Path:
    """The project under test: the setting, or the nearest folder above with `steps/` or `src/`."""
    named = request.config.getini("motia_project")
    if named:
        return request.config.rootpath / str(named)
    for folder in request.path.parents:
        if (folder / "steps").is_dir() or (folder / "src").is_dir():
            return folder
    pytest.fail(
        f"no folder above {request.path} holds steps/ or src/; set motia_project in pytest's "
        "settings, or override the fixture motia_project"
    )


@pytest.fixture
def motia(motia_project: Path) -> Iterator[Harness]:
    """The project, running in memory; its files must all load."""
    from motia_actors.testing import Harness

    with Harness(motia_project) as harness:
        broken = [one for one in harness.problems if one.severity == "error"]
        assert not broken, "; ".join(f"{one.file}: {one.reason}" for one in broken)
        yield harness


@pytest.fixture
def motia_context() -> FakeContext:
    """A context without streams, for one step by itself."""
    from motia_actors.testing import FakeContext

    return FakeContext()
