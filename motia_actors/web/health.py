"""`/healthz`: the process lives. `/readyz`: it can take work, or why it cannot.

What can take work, but less than at other times, is ready and says what it lacks: were it taken
out of the balancer, then so would be all others for the same reason.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import falcon

from motia_actors.web.answers import Endpoint, Response
from motia_actors.web.routes import Route

Unready = Callable[[], Sequence[str]]
"""Why the process cannot take work now, one reason each; empty where it can."""

_NO_STORE = {"cache-control": "no-store"}


def health_routes(unready: Unready, degraded: Unready) -> list[Route[Endpoint]]:
    """The routes of probes."""

    def healthz(_req: falcon.Request, resp: Response, _params: dict[str, str]) -> None:
        resp.fill_json(200, {"status": "ok"}, _NO_STORE)

    def readyz(_req: falcon.Request, resp: Response, _params: dict[str, str]) -> None:
        reasons = list(unready())
        if reasons:
            resp.fill_json(503, {"status": "unavailable", "reasons": reasons}, _NO_STORE)
        elif reasons := list(degraded()):
            resp.fill_json(200, {"status": "degraded", "reasons": reasons}, _NO_STORE)
        else:
            resp.fill_json(200, {"status": "ok"}, _NO_STORE)

    return [Route("GET", "/healthz", healthz), Route("GET", "/readyz", readyz)]
