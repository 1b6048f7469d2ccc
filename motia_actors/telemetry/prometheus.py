"""Figures in the text format of Prometheus.

The client library's own ways to share figures between processes count where values change; ours
are counted anyway, so it is used for what it writes and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from motia_actors.telemetry.measures import BOUNDS_S, Samples, labels_of

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class About(NamedTuple):
    """What a metric means and which labels it has."""

    text: str
    labels: Sequence[str] = ()


METRICS = {
    "motia_http_requests": About("Requests answered", ("method", "route", "status")),
    "motia_http_request_duration_seconds": About(
        "Time to answer a request of a step", ("method", "route")
    ),
    "motia_calls": About("Runs of handlers that ended", ("step", "outcome")),
    "motia_call_duration_seconds": About("Time that handlers ran", ("step",)),
    "motia_calls_in_flight": About("Handlers that run now", ("step",)),
    "motia_mailbox_depth": About("Messages that wait in mailboxes", ("step",)),
    "motia_mailbox_size": About("Messages that may wait in mailboxes", ("step",)),
    "motia_mailbox_refused": About("Messages that found no room", ("step",)),
    "motia_retries": About("Failed deliveries that were run again", ("step",)),
    "motia_dead_letters": About("Deliveries given up", ("step",)),
    "motia_actor_restarts": About("Restarts by supervisors", ("actor",)),
    "motia_actors_suspended": About("Steps that rest after failing too often", ("actor",)),
    "motia_store_commits": About("Commits of this server to the store"),
    "motia_sockets": About("Open WebSockets"),
    "motia_workers": About("Processes that serve"),
    "motia_telemetry_dropped": About("Records lost to full buffers", ("kind",)),
    "motia_queue_depth": About("Deliveries in the queue", ("step", "state")),
    "motia_queue_age_seconds": About("How long the next delivery has been due", ("step",)),
    "motia_store_bytes": About("Bytes in use by the store"),
    "motia_store_connected": About("Processes that are connected to the cluster"),
    "motia_store_outbox_bytes": About("Bytes on their way to the cluster, or kept for it"),
    "motia_store_outbox_bytes_max": About("Bytes that outboxes take"),
    "motia_store_log_behind": About("Messages of the log that were not applied yet"),
}


def exposition(samples: Samples) -> bytes:
    """Write samples as a page for Prometheus; metrics that METRICS does not name are left out."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Samples(samples))
    return bytes(generate_latest(registry))


class _Samples(Collector):
    def __init__(self, samples: Samples) -> None:
        self._samples = samples

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterator[Metric]:
        for name, about in METRICS.items():
            yield from self._numbers(name, about)
            if (observed := self._samples.histograms.get(name)) is not None:
                yield _histogram(name, about, observed)

    def _numbers(self, name: str, about: About) -> Iterator[Metric]:
        for kind, found in (
            (CounterMetricFamily, self._samples.counters.get(name)),
            (GaugeMetricFamily, self._samples.gauges.get(name)),
        ):
            if found is not None:
                family = kind(name, about.text, labels=about.labels)
                for key, value in sorted(found.items()):
                    family.add_metric(labels_of(key), value)
                yield family


def _histogram(name: str, about: About, observed: dict[str, list[float]]) -> Metric:
    family = HistogramMetricFamily(name, about.text, labels=about.labels)
    for key, (*counts, sum_s) in sorted(observed.items()):
        buckets, below = [], 0.0
        for bound, count in zip((*map(str, BOUNDS_S), "+Inf"), counts, strict=True):
            below += count
            buckets.append((bound, below))
        family.add_metric(labels_of(key), buckets, sum_value=sum_s)
    return family
