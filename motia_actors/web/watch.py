"""Watches requests for steps: their spans, and the headers that name their traces.

A caller that sends `traceparent` and `tracestate` joins its trace and ours. The answer has
`traceparent`, too: the request's own span, so that the caller's tools find it.
"""

from __future__ import annotations

from typing import Any

import falcon

from motia_actors.telemetry.recorded import request_ended
from motia_actors.telemetry.spans import Tracer
from motia_actors.telemetry.w3c import read_parent, write_parent
from motia_actors.web.answers import Asked, Response

TRACE_HEADER = "motia-trace-id"


class RequestWatch:
    """Falcon's middleware that sees every answer."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer
        self._monotonic_s = tracer.clock.monotonic_s

    def begin(self, environ: dict[str, Any], step: str, route: str, trace_id: str) -> Asked:
        """A request for a step has come."""
        traceparent = environ.get("HTTP_TRACEPARENT")
        parent = None
        if traceparent is not None:
            parent = read_parent(traceparent, environ.get("HTTP_TRACESTATE", ""))
        return Asked(
            self._tracer.begin(parent),
            None if parent is None else parent.span_id,
            trace_id,
            step,
            route,
            self._monotonic_s(),
        )

    def process_response(self, req: falcon.Request, resp: Response, *_: object) -> None:
        """Add the headers, and record the span; those of a handler win."""
        asked = resp.asked
        if asked is None:
            return
        trace = asked.trace
        headers = {"traceparent": write_parent(trace), TRACE_HEADER: asked.trace_id}
        if trace.state:
            headers["tracestate"] = trace.state
        resp.add_missing(headers)
        request_ended(
            self._tracer,
            asked.step,
            asked.trace_id,
            trace,
            parent=asked.parent,
            method=req.method,
            route=asked.route,
            path=req.path,
            status=resp.status_code,
            took_s=self._monotonic_s() - asked.begun_s,
            scheme=req.env.get("wsgi.url_scheme", "http"),
        )
