"""Spans as OpenTelemetry has them, sent to a collector by OTLP over HTTP. Extra `otel`.

Source: semantic conventions 1.27, HTTP server spans and messaging spans.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from motia_actors.telemetry.spans import Span

_KINDS = {
    "request": SpanKind.SERVER,
    "emit": SpanKind.PRODUCER,
    "delivery": SpanKind.CONSUMER,
}
_OPERATIONS = {"emit": "send", "delivery": "process"}
_NAMES = {"topic": "messaging.destination.name", "eventId": "messaging.message.id"}
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)

Value = str | int | float | bool


class Exporter:
    """Sends finished spans in batches, on a thread of its own; bounded, as the SDK's settings say.

    Args:
        endpoint: Of the collector, without `/v1/traces`.
        service: Name of the service, unless OTEL_SERVICE_NAME has one.
    """

    def __init__(self, endpoint: str, *, service: str) -> None:
        named = {} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": service}
        self._resource = Resource.create(named)
        exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")
        self._processor = BatchSpanProcessor(exporter)

    def take(self, spans: list[Span]) -> None:
        """Leave spans to be sent; one that still goes on is sent at its end."""
        for span in spans:
            if span.end_s is not None:
                self._processor.on_end(_readable(span, self._resource))

    def close(self) -> None:
        """Send what waits."""
        self._processor.shutdown()  # type: ignore[no-untyped-call]  # of the SDK


def _readable(span: Span, resource: Resource) -> ReadableSpan:
    assert span.end_s is not None
    parent = None if span.parent is None else _context(span.w3c_id, span.parent)
    is_failed = span.status == "failed"
    return ReadableSpan(
        name=span.name,
        context=_context(span.w3c_id, span.id),
        parent=parent,
        resource=resource,
        attributes=attributes_of(span),
        kind=_KINDS.get(span.kind, SpanKind.INTERNAL),
        status=Status(StatusCode.ERROR, span.error) if is_failed else Status(StatusCode.UNSET),
        start_time=int(span.start_s * 1e9),
        end_time=int(span.end_s * 1e9),
    )


def _context(trace_id: str, span_id: str) -> SpanContext:
    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=False, trace_flags=_SAMPLED)


def attributes_of(span: Span) -> Mapping[str, Value]:
    """The attributes by their names in the semantic conventions, ours under `motia.`."""
    found: dict[str, Value] = {"motia.trace_id": span.trace_id, "motia.kind": span.kind}
    if span.step:
        found["motia.step"] = span.step
    if span.attempt:
        found["motia.attempt"] = span.attempt
    for name, value in span.attributes.items():
        known = name if "." in name else f"motia.{name}"
        found[_NAMES.get(name, known)] = value
    operation = _OPERATIONS.get(span.kind)
    if operation is not None:
        found["messaging.system"] = "motia"
        found["messaging.operation.type"] = operation
    if span.error is not None:
        found["error.type"] = span.error.partition(":")[0]
    return found
