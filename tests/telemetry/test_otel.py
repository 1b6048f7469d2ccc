"""Spans reach a collector as OpenTelemetry has them."""

from __future__ import annotations

import gzip
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Sent

from motia_actors.errors import SettingsError
from motia_actors.observing import exporter_of
from motia_actors.settings import Settings
from motia_actors.testing.harness import Harness
from tests.test_traced import SPAN, TRACE, project_at


class Collector:
    """A server that decodes what is exported to it."""

    def __init__(self) -> None:
        self.spans: list[Sent] = []
        self.services: set[str] = set()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                data = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    data = gzip.decompress(data)
                collector.take(self.path, data)
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def take(self, path: str, data: bytes) -> None:
        assert path == "/v1/traces"
        for resource in ExportTraceServiceRequest.FromString(data).resource_spans:
            named = {one.key: one.value.string_value for one in resource.resource.attributes}
            self.services.add(named["service.name"])
            for scope in resource.scope_spans:
                self.spans += scope.spans

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    yield collector
    collector.close()


def values(span: Sent) -> dict[str, Any]:
    found = {}
    for one in span.attributes:
        found[one.key] = getattr(one.value, one.value.WhichOneof("value"))
    return found


@pytest.mark.slow
def test_a_collector_gets_the_spans_of_a_trace_joined(collector: Collector, tmp_path: Path) -> None:
    settings = {"otlp_endpoint": collector.url}
    with Harness(project_at(tmp_path), settings=settings) as harness:
        headers = {"traceparent": f"00-{TRACE}-{SPAN}-01"}
        harness.request("POST", "/orders/7", json={"n": 1}, headers=headers)
        harness.settle()

    found = {(span.kind, span.name): span for span in collector.spans}
    request = found[Sent.SPAN_KIND_SERVER, "POST /orders/:id"]
    emit = found[Sent.SPAN_KIND_PRODUCER, "emit order.made"]
    delivery = found[Sent.SPAN_KIND_CONSUMER, "order.made"]
    assert {span.trace_id.hex() for span in collector.spans} == {TRACE}
    assert request.parent_span_id.hex() == SPAN
    assert delivery.parent_span_id == emit.span_id
    assert values(request)["http.response.status_code"] == 201
    assert values(request)["http.route"] == "/orders/:id"
    told = values(delivery)
    assert (told["messaging.system"], told["messaging.operation.type"]) == ("motia", "process")
    assert told["messaging.destination.name"] == "order.made"
    assert collector.services == {tmp_path.name}


def test_without_the_extra_the_start_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "motia_actors.telemetry.otel", None)

    with pytest.raises(SettingsError, match=r"motia-actors\[otel\]"):
        exporter_of(Settings(otlp_endpoint="http://127.0.0.1:4318"))


def test_without_an_endpoint_nothing_is_sent() -> None:
    assert exporter_of(Settings()) is None
