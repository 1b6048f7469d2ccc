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
