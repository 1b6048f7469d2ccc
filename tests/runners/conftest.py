"""Fixtures of the runners' tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runners.node_rig import NodeProject
from tests.runners.rig import Project, Rig


@pytest.fixture
def rig() -> Rig:
    return Rig()


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    project = Project(tmp_path)
    yield project
    project.runner.close()


@pytest.fixture
def node(tmp_path: Path) -> Iterator[NodeProject]:
    project = NodeProject(tmp_path, hang_s=1.5)
    yield project
    project.runner.close()


@pytest.fixture(params=["thread", pytest.param("process", marks=pytest.mark.slow)])
def either(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Project]:
    """A project whose steps run in this process, and once more each in a child of its own."""
    project = Project(tmp_path, is_isolated=request.param == "process")
    yield project
    project.runner.close()
