"""The desk acts on a process as a handler would: emits, looks up sources, shows figures."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import cast

import pytest

from motia_actors import payload
from motia_actors.actors.system import System
from motia_actors.clock import ManualClock
from motia_actors.desk import Desk
from motia_actors.errors import PayloadError
from motia_actors.messages import Delivery, Target
from motia_actors.steps.catalog import Catalog
from motia_actors.steps.config import Step, Stream
from motia_actors.steps.flows import drawing_id
from motia_actors.store import Lease
from motia_actors.stores.memory import MemoryStore

SHIP = "steps/ship_step.py"


class FakeSystem:
    """The two things of a system that a desk uses; it is its own table."""

    @property
    def table(self) -> FakeSystem:
        return self

    def targets(self, topic: str) -> tuple[Target, ...]:
        return (Target(step=SHIP),) if topic == "order.made" else ()

    def statistics(self) -> dict[str, object]:
        return {"name": "system", "children": []}


class Office:
    """A desk on a store in memory, for a project with one step and one stream."""

    def __init__(self, root: Path) -> None:
        self.store = MemoryStore(ManualClock())
        self.store.open()
        self.step = Step(id=SHIP, kind="event", name="Ship", subscribes=("order.made",))
        self.catalog = Catalog(
            root=root, steps=(self.step,), streams=(Stream(id="s_stream.py", name="rooms"),)
        )
        self.desk = Desk(
            store=self.store,
            system=cast("System", FakeSystem()),
            clock=ManualClock(),
            catalog=lambda: self.catalog,
        )

    def leased(self) -> list[Delivery]:
        return self.store.write(Lease(step=SHIP, count_max=10, visibility_s=30.0))


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def test_an_event_is_durable_when_the_emit_returns(office: Office) -> None:
    office.desk.emit("order.made", {"sku": "pen"}, flows=("shop",))

    (delivery,) = office.leased()
    assert payload.decode(delivery.event.data) == {"sku": "pen"}
    assert delivery.event.flows == ("shop",)
    assert delivery.attempt == 1


def test_each_event_has_an_id_and_a_trace_of_its_own(office: Office) -> None:
    office.desk.emit("order.made", 1, flows=())
    office.desk.emit("order.made", 2, flows=())

    events = [delivery.event for delivery in office.leased()]
    assert len({event.id for event in events}) == 2
    assert len({event.trace_id for event in events}) == 2


def test_an_unknown_topic_is_no_error_and_nothing_is_queued(office: Office) -> None:
    office.desk.emit("order.lost", {}, flows=())

    assert office.leased() == []
    assert office.store.events.steps() == []


def test_data_without_a_json_form_is_refused_and_nothing_is_queued(office: Office) -> None:
    with pytest.raises(PayloadError):
        office.desk.emit("order.made", object(), flows=())

    assert office.leased() == []


def test_a_steps_source_is_read_from_its_file_as_it_is_now(office: Office) -> None:
    path = office.catalog.root / SHIP
    path.parent.mkdir()
    path.write_bytes("# Größe".encode() + b"\xff")
    step_uuid = drawing_id(office.catalog.root, office.step)

    source = office.desk.step_source(step_uuid)

    assert source is not None
    assert (source.id, source.content) == (step_uuid, "# Größe\ufffd")


def test_an_unknown_step_has_no_source(office: Office) -> None:
    assert office.desk.step_source("no-such-step") is None


def test_a_step_whose_file_is_gone_is_an_error_of_the_system(office: Office) -> None:
    with pytest.raises(FileNotFoundError):
        office.desk.step_source(drawing_id(office.catalog.root, office.step))


def test_streams_are_those_of_the_catalog_as_it_is_now(office: Office) -> None:
    before = [stream.name for stream in office.desk.streams()]
    office.catalog = Catalog(root=office.catalog.root)

    assert before == ["rooms"]
    assert list(office.desk.streams()) == []


def test_it_tells_the_version_and_the_figures(office: Office) -> None:
    assert office.desk.version == version("motia-actors")
    assert office.desk.statistics() == {"name": "system", "children": []}
