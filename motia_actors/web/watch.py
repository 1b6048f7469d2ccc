"""Watches requests for steps: their spans, and the headers that name their traces.

A caller that sends `traceparent` and `tracestate` joins its trace and ours. The answer has
`traceparent`, too: the request's own span, so that the caller's tools find it.
"""

from __future__ import annotations

from typing import Any

import falcon

from motia_actors.telemetry.measures import Histogram, Samples
from motia_actors.telemetry.recorded import request_ended
from motia_actors.telemetry.spans import Tracer
from motia_actors.telemetry.w3c import read_parent, write_parent
from motia_actors.web.answers import Asked, Response
from motia_actors.web.routes import METHODS

TRACE_HEADER = "motia-trace-id"
COUNTS_MAX = 10_000
"""Kinds of requests that are counted apart. A step chooses its statuses, and edits its routes."""


class RequestWatch:
    """Falcon's middleware that sees every answer."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer
        self._monotonic_s = tracer.clock.monotonic_s
        self._counts: dict[tuple[str, str, int], int] = {}
        self._durations: dict[tuple[str, str], Histogram] = {}

    def begin(self, environ: dict[str, Any], step: str, route: str, trace_id: str) -> Asked:
        """A request for a step has come."""
        parent = None
        if "HTTP_TRACEPARENT" in environ:
            parent = read_parent(environ["HTTP_TRACEPARENT"], environ.get("HTTP_TRACESTATE", ""))
        return Asked(
            self._tracer.begin(parent),
            None if parent is None else parent.span_id,
            trace_id,
            step,
            route,
            self._monotonic_s(),
        )

    def process_response(self, req: falcon.Request, resp: Response, *_: object) -> None:
        """Count it, add the headers, and record the span; a handler's own headers win."""
        asked, status = resp.asked, resp.status
        if status.__class__ is not int:
            status = resp.status_code
        if asked is None:
            self._count_first(req.method, "", status)
            return
        took_s = self._monotonic_s() - asked.begun_s
        method, route = req.method, asked.route
        if (key := (method, route, status)) in self._counts:
            # Where two threads count at the same moment one may be lost: cheaper than a lock.
            self._counts[key] += 1
        else:
            self._count_first(*key)
        try:
            self._durations[method, route].add(took_s)
        except KeyError:
            self._durations.setdefault((method, route), Histogram()).add(took_s)
        trace = asked.trace
        own = {"traceparent": write_parent(trace), TRACE_HEADER: asked.trace_id}
        if trace.state:
            own["tracestate"] = trace.state
        resp.add_missing(own)
        if not (trace.is_sampled or status >= 500):
            return
        request_ended(
            self._tracer,
            asked.step,
            asked.trace_id,
            trace,
            parent=asked.parent,
            method=req.method,
            route=asked.route,
            path=req.path,
            status=status,
            took_s=took_s,
            scheme=req.env.get("wsgi.url_scheme", "http"),
        )

    def _count_first(self, method: str, route: str, status: int) -> None:
        """Count one of a kind that is new, or that no longer gets a count of its own."""
        key = method if method in METHODS else "other", route, status
        if key in self._counts or len(self._counts) < COUNTS_MAX:
            self._counts[key] = self._counts.get(key, 0) + 1

    def tell(self, samples: Samples) -> None:
        """Add what was counted to samples."""
        for (method, route, status), count in list(self._counts.items()):
            samples.count("motia_http_requests", count, method, route, str(status))
        for (method, route), durations in list(self._durations.items()):
            samples.observe(
                "motia_http_request_duration_seconds", durations.values(), method, route
            )
