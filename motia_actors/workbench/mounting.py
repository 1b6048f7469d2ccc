"""The workbench as routes: the page, and behind the guard what the page asks for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from motia_actors.clock import Clock
from motia_actors.settings import Settings
from motia_actors.steps.catalog import Catalog
from motia_actors.store import Store
from motia_actors.web.answers import Endpoint, Offload
from motia_actors.web.assets import Assets
from motia_actors.web.limits import Limits
from motia_actors.web.routes import Route
from motia_actors.workbench.api import bench_routes
from motia_actors.workbench.bench import Actors, Bench

PATH = "/__workbench"


def page_routes() -> list[Route[Endpoint]]:
    """The page and its files: open, like the form of a login. What the page shows is not."""
    return Assets(Path(__file__).parent / "static").routes(PATH)


def workbench_routes(
    store: Store,
    actors: Actors,
    clock: Clock,
    catalog: Callable[[], Catalog],
    *,
    settings: Settings,
    limits: Limits,
    offload: Offload | None = None,
) -> list[Route[Endpoint]]:
    """What the page asks for beyond what other tools do."""
    timezone = settings.timezone or None
    bench = Bench(store=store, actors=actors, clock=clock, catalog=catalog, timezone=timezone)
    return bench_routes(bench, limits, offload=offload)
