"""What a running process shows of itself: its figures, gathered from all of its parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from motia_actors.actors.figures import shown
from motia_actors.actors.system import System
from motia_actors.clock import Clock
from motia_actors.errors import SettingsError
from motia_actors.settings import Settings, store_path
from motia_actors.steps.catalog import Catalog
from motia_actors.steps.openapi import document
from motia_actors.store import Store
from motia_actors.telemetry.board import Board
from motia_actors.telemetry.logs import LogSink
from motia_actors.telemetry.measures import Samples
from motia_actors.telemetry.spans import Sampling, Tracer
from motia_actors.web.answers import Endpoint, Offload
from motia_actors.web.history import history_routes
from motia_actors.web.limits import Limits
from motia_actors.web.metrics import metrics_routes
from motia_actors.web.openapi import openapi_routes
from motia_actors.web.routes import Route
from motia_actors.web.watch import RequestWatch

if TYPE_CHECKING:
    from motia_actors.telemetry.otel import Exporter


_OF_CLUSTER = {
    "is_connected": "motia_store_connected",
    "outbox_bytes": "motia_store_outbox_bytes",
    "outbox_bytes_max": "motia_store_outbox_bytes_max",
    "log_behind": "motia_store_log_behind",
}
"""Figures of a store that several hosts share; one of this machine has none of them."""


class Observatory:
    """Takes what a process tells, and shows its figures and, by way of a board, the others'.

    Args:
        store: Whose journal and queues are shown.
        log: Counts the lines that were lost.
    """

    def __init__(self, settings: Settings, clock: Clock, *, store: Store, log: LogSink) -> None:
        self.tracer = Tracer(clock, sampling_of(settings))
        self.watch = RequestWatch(self.tracer)
        self._exporter = exporter_of(settings)
        if self._exporter is not None:
            self.tracer.listen(self._exporter.take)
        self._store, self._clock, self._log = store, clock, log
        data = store_path(settings)
        self._board = Board(None if data is None else data / "figures", self.own)
        self._system: System
        self._catalog: Callable[[], Catalog]
        self._sockets: Callable[[], int]

    def attach(
        self, system: System, catalog: Callable[[], Catalog], *, sockets: Callable[[], int]
    ) -> None:
        """Look at these from now on; sockets is how many WebSockets are open."""
        self._system, self._catalog, self._sockets = system, catalog, sockets

    def routes(self, limits: Limits, *, offload: Offload | None) -> list[Route[Endpoint]]:
        """The endpoints that show it, to go behind the guard."""
        return [
            *history_routes(self._store, self.stats, limits, offload=offload),
            *metrics_routes(self.page, offload=offload),
            *openapi_routes(self._described),
        ]

    def _described(self) -> Mapping[str, Any]:
        catalog = self._catalog()
        return document(catalog.steps, title=catalog.root.name)

    def publish(self) -> None:
        """Tell the other processes."""
        self._board.publish()

    def close(self) -> None:
        """Tell nothing more; what waits for a collector is sent first."""
        self._board.close()
        if self._exporter is not None:
            self._exporter.close()

    def own(self) -> Samples:
        """What this process has counted."""
        samples = Samples()
        self.watch.tell(samples)
        self._system.tell(samples)
        store = self._store.statistics()
        samples.count("motia_store_commits", float(store["commits"]))
        for name, metric in _OF_CLUSTER.items():
            if name in store:
                samples.gauge(metric, store[name])
        samples.count("motia_telemetry_dropped", self._log.dropped, "log")
        samples.count("motia_telemetry_dropped", self.tracer.dropped, "span")
        samples.gauge("motia_sockets", self._sockets())
        samples.gauge("motia_workers", 1)
        return samples

    def page(self) -> Samples:
        """What all workers have counted, and what the store is like."""
        samples = self._board.all()
        now_s, events = self._clock.now_s(), self._store.events
        for step in self._catalog().steps:
            if not step.is_queued:
                continue
            depth, due_s = events.depth(step.id), events.next_due_s(step.id)
            samples.gauge("motia_queue_depth", depth.waiting, step.id, "waiting")
            samples.gauge("motia_queue_depth", depth.leased, step.id, "leased")
            samples.gauge("motia_queue_depth", depth.dead, step.id, "dead")
            age_s = now_s - due_s if depth.waiting and due_s is not None else 0.0
            samples.gauge("motia_queue_age_seconds", max(0.0, age_s), step.id)
        used = self._store.statistics().get("bytes_used")
        if used is not None:
            samples.gauge("motia_store_bytes", used)
        return samples

    def stats(self) -> Mapping[str, Any]:
        """Figures of each step over all workers, and the tree of this one."""
        return shown(
            self._catalog().steps, self._system.statistics(), self._store.events, self._board.all()
        )


def exporter_of(settings: Settings) -> Exporter | None:
    """What sends spans to a collector, where there is one.

    Raises:
        SettingsError: the packages for it are not installed.
    """
    if not settings.otlp_endpoint:
        return None
    try:
        from motia_actors.telemetry.otel import Exporter
    except ImportError as error:
        raise SettingsError(
            f"OTEL_EXPORTER_OTLP_ENDPOINT={settings.otlp_endpoint!r} needs OpenTelemetry "
            f"({error}); install motia-actors[otel], or unset it"
        ) from error
    return Exporter(settings.otlp_endpoint, service=settings.project.name)


def sampling_of(settings: Settings) -> Sampling:
    """Which traces are kept."""
    return Sampling(
        ratio=settings.trace_ratio,
        per_s_max=settings.traces_per_s_max,
        spans_per_s_max=settings.spans_per_s_max,
    )
