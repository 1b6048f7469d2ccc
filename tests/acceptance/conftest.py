"""Serve each project once for all its tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.server import OWN, Server, copy_project, workers

PROJECTS = Path(__file__).parent / "projects"

Serve = Callable[..., Server]


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Serve a copy of a project with two workers until the module's last test."""
    servers: list[Server] = []

    def start(name: str, **env: str) -> Server:
        project = copy_project(PROJECTS / name, tmp_path_factory.mktemp(name) / name)
        server = Server(project, options=workers(OWN, 2), env=env)
        servers.append(server)
        server.start()
        return server

    yield start
    for server in servers:
        server.kill()
