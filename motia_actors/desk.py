"""What the control endpoints act on: one started process, seen by a developer's tools."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version

from motia_actors.actors.system import System
from motia_actors.clock import Clock
from motia_actors.messages import Event
from motia_actors.payload import encode
from motia_actors.steps.catalog import Catalog
from motia_actors.steps.config import Stream
from motia_actors.steps.flows import drawing_id
from motia_actors.store import EventPut, Store
from motia_actors.telemetry.recorded import emitted_by_hand
from motia_actors.telemetry.spans import Tracer
from motia_actors.telemetry.traces import new_event_id, new_trace_id
from motia_actors.web.control import Control, StepSource
from motia_actors.web.dead_letters import Letterbox


class Desk(Control, Letterbox):
    """Acts on the system as a handler would, without being one.

    Args:
        store: Where events, state and streams are.
        system: The actors.
        clock: What time it is.
        catalog: The steps and streams as they are now.
        tracer: Names the traces of what is emitted by hand.
    """

    def __init__(
        self,
        *,
        store: Store,
        system: System,
        clock: Clock,
        catalog: Callable[[], Catalog],
        tracer: Tracer | None = None,
    ) -> None:
        self.store, self._tracer = store, tracer or Tracer(clock)
        self.version = version("motia-actors")
        self._system, self._clock, self._catalog = system, clock, catalog

    def emit(self, topic: str, data: object, *, flows: tuple[str, ...]) -> None:
        """Emit under a new trace; durable on return. An unknown topic is no error."""
        targets = self._system.table.targets(topic)
        if not targets:
            return
        now_s = self._clock.now_s()
        trace = self._tracer.begin()
        event = Event(
            id=new_event_id(now_s),
            topic=topic,
            data=encode(data),
            trace_id=new_trace_id(now_s),
            flows=flows,
            trace=trace,
        )
        self.store.write(EventPut(event=event, targets=targets))
        emitted_by_hand(self._tracer, event, trace, start_s=now_s, deliveries=len(targets))

    def step_names(self) -> Mapping[str, str]:
        """Names of the project's steps by id."""
        return {step.id: step.name for step in self._catalog().steps}

    def streams(self) -> Sequence[Stream]:
        """The project's streams."""
        return self._catalog().streams

    def step_source(self, step_uuid: str) -> StepSource | None:
        """The step of this id, None where there is none."""
        catalog = self._catalog()
        for step in catalog.steps:
            if drawing_id(catalog.root, step) == step_uuid:
                path = catalog.root / step.id
                # Links to shared steps are followed, not those that came to lead to `.env`.
                if path.resolve().suffix != path.suffix:
                    return None
                content = path.read_text("utf-8", "replace")
                return StepSource(id=step_uuid, content=content)
        return None

    def statistics(self) -> Mapping[str, object]:
        """The tree of actors with its figures."""
        return self._system.statistics()
