"""The workbench as routes: the page, and behind the guard what the page asks for."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from motia_actors.clock import Clock
from motia_actors.settings import Settings
from motia_actors.steps.catalog import Catalog
from motia_actors.store import Store
from motia_actors.web.answers import Endpoint, Offload
from motia_actors.web.assets import Assets
from motia_actors.web.audit import Audit
from motia_actors.web.guard import Guard
from motia_actors.web.limits import Limits
from motia_actors.web.routes import Route
from motia_actors.workbench.api import bench_routes
from motia_actors.workbench.bench import Actors, Bench

PATH = "/__workbench"


def guarded(
    settings: Settings, routes: Iterable[Route[Endpoint]], *, audit: Audit
) -> list[Route[Endpoint]]:
    """The control endpoints behind a guard, and the page; none where nobody could pass it.

    The page and its files are open, like the form of a login: what they show is not.
    """
    if not settings.is_dev and not settings.control_token and not settings.control_tokens:
        return []
    guard = Guard(
        settings.control_token,
        is_dev=settings.is_dev,
        tokens=settings.control_tokens,
        audit=audit,
    )
    page = Assets(Path(__file__).parent / "static")
    return [*guard.over(routes), *page.routes(PATH)]


class HasCatalog(Protocol):
    """Knows the catalog."""

    @property
    def catalog(self) -> Catalog:
        """The steps and streams as they are now."""
        ...


class Process(Protocol):
    """The parts of a running process that the workbench looks at."""

    @property
    def settings(self) -> Settings:
        """How it runs."""
        ...

    @property
    def store(self) -> Store:
        """What it keeps."""
        ...

    @property
    def system(self) -> Actors:
        """Its actors."""
        ...

    @property
    def clock(self) -> Clock:
        """What time it is."""
        ...

    @property
    def project(self) -> HasCatalog:
        """Its steps and streams as they are now."""
        ...


def workbench_routes(
    process: Process, limits: Limits, *, offload: Offload | None = None
) -> list[Route[Endpoint]]:
    """What the page asks for beyond what other tools do."""
    bench = Bench(
        store=process.store,
        actors=process.system,
        clock=process.clock,
        catalog=lambda: process.project.catalog,
        timezone=process.settings.timezone or None,
    )
    return bench_routes(bench, limits, offload=offload)
