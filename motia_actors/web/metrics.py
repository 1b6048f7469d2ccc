"""`/metrics`: the figures of all workers in Prometheus' text format."""

from __future__ import annotations

from collections.abc import Callable

import falcon

from motia_actors.telemetry.measures import Samples
from motia_actors.telemetry.prometheus import CONTENT_TYPE, exposition
from motia_actors.web.answers import Endpoint, Offload, Response
from motia_actors.web.routes import Route


def metrics_routes(
    collect: Callable[[], Samples], *, offload: Offload | None = None
) -> list[Route[Endpoint]]:
    """The route, to go behind the guard of all control endpoints."""

    def metrics(_req: falcon.Request, resp: Response, _params: dict[str, str]) -> None:
        def make() -> bytes:
            return exposition(collect())

        page = make() if offload is None else offload(make)
        resp.fill(200, {"content-type": CONTENT_TYPE}, page)

    return [Route("GET", "/metrics", metrics)]
