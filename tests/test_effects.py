"""What a call may do to the world, and what it is told where it may not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motia_actors.effects import CallEffects
from motia_actors.errors import (
    InvalidInputError,
    PayloadError,
    QueueFullError,
    StoreFullError,
    UnknownStreamError,
    UsageError,
)
from motia_actors.messages import Call, Target
from motia_actors.store import Lease
from tests.runners.rig import Rig

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


class Point(msgspec.Struct):
    x: int


def test_an_emit_reaches_the_queue_with_trace_flows_and_group() -> None:
    rig = Rig(emits=["order.created"])
    effects = rig.effects()

    effects.emit({"topic": "order.created", "data": {"n": 1}, "messageGroupId": 7}).result()

    lease = Lease(step="steps/charge_step.py", count_max=9, visibility_s=9.0)
    (delivery,) = rig.store.write(lease)
    assert delivery.event.data == b'{"n":1}'
    assert delivery.event.trace_id == "K7PQ2-4431022"
    assert delivery.event.flows == ("shop",)
    assert delivery.event.group_id == "7"


def test_a_topic_of_a_class_of_its_own_is_the_text_that_it_holds() -> None:
    class Topic(str):
        __slots__ = ()

        def __str__(self) -> str:
            return "another"

    rig = Rig(emits=["order.created"])

    rig.effects().emit({"topic": Topic("order.created"), "data": 1}).result()

    lease = Lease(step="steps/charge_step.py", count_max=9, visibility_s=9.0)
    (delivery,) = rig.store.write(lease)
    assert delivery.event.topic == "order.created"
    assert type(delivery.event.topic) is str


def test_only_what_a_delivery_sets_off_may_use_the_reserve_of_a_full_store() -> None:
    rig = Rig(emits=["order.created"])
    rig.effects().emit({"topic": "order.created", "data": 1}).result()
    (delivery,) = rig.store.write(Lease(step="steps/charge_step.py", count_max=1, visibility_s=9.0))
    rig.store.reserved.clear()

    rig.effects("api").state_set("g", "k", 1).result()
    handling = Call(kind="event", trace_id="T", flows=(), delivery=delivery)
    CallEffects(rig.world, rig.step, handling).state_set("g", "k", 2).result()

    assert rig.store.reserved == [False, True]


def test_an_undeclared_topic_is_not_delivered_and_told() -> None:
    rig = Rig(emits=["order.paid"])

    assert rig.effects().emit({"topic": "order.created", "data": {}}).result() is None

    (line,) = rig.lines()
    assert rig.store.events.depth("steps/charge_step.py").waiting == 0
    assert line["level"] == "error"
    assert (line["step"], line["topic"], line["declared"]) == (
        *("Order", "order.created"),
        ["order.paid"],
    )


def test_an_empty_emits_allows_every_topic_also_one_without_listeners() -> None:
    rig = Rig()

    rig.effects().emit({"topic": "nobody.listens", "data": {}}).result()
    rig.effects().emit({"topic": "order.created", "data": {}}).result()

    assert rig.store.events.depth("steps/charge_step.py").waiting == 1
    assert rig.lines() == []


def emitted(rig: Rig, **how: object) -> str | None:
    return rig.effects().emit({"topic": "order.created", "data": {}, **how}).result()


def due_in_s(rig: Rig) -> float:
    due_s = rig.store.events.next_due_s("steps/charge_step.py")
    assert due_s is not None
    return due_s - rig.clock.now_s()


def test_an_emit_answers_its_events_id_also_where_nobody_listens() -> None:
    rig = Rig()

    event_id = emitted(rig)

    (delivery,) = rig.store.write(Lease(step="steps/charge_step.py", count_max=9, visibility_s=9))
    assert event_id == delivery.event.id
    assert rig.effects().emit({"topic": "nobody.listens"}).result() not in (None, event_id)


def test_an_emit_with_a_dedupe_key_answers_the_event_that_stands_for_its_window() -> None:
    rig = Rig()

    first = emitted(rig, dedupeKey="k")
    rig.clock.advance(119.0)
    assert emitted(rig, dedupeKey="k") == first
    rig.clock.advance(1.0)
    short = emitted(rig, dedupeKey="k", dedupeWindow=0.5)
    assert short != first
    rig.clock.advance(0.5)

    assert emitted(rig, dedupeKey="k") not in (first, short)
    assert rig.store.events.depth("steps/charge_step.py").waiting == 3


def test_a_dedupe_key_without_data_counts_too() -> None:
    rig = Rig()
    event = {"topic": "order.created", "dedupeKey": 7}

    ids = {rig.effects().emit(event).result() for _ in range(2)}

    assert len(ids) == 1


NOW = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)  # As the rig's clock has it.


@pytest.mark.parametrize(
    ("how", "due_s"),
    [
        ({"delay": 90}, 90),
        ({"delay": 0.5}, 0.5),
        ({"delay": None, "at": None}, 0),
        ({"at": NOW + timedelta(hours=1)}, 3600),
        ({"at": (NOW + timedelta(hours=1)).isoformat()}, 3600),
        ({"at": "2023-11-14T22:13:21Z"}, 1),
        ({"at": "2023-11-15T00:13:21+02:00"}, 1),
        ({"at": NOW.timestamp() + 5}, 5),
        ({"at": 0}, 0),
    ],
)
def test_an_emit_with_a_time_is_due_then(how: dict[str, object], due_s: float) -> None:
    rig = Rig()

    emitted(rig, **how)

    assert due_in_s(rig) == due_s


@pytest.mark.parametrize(
    ("how", "advice"),
    [
        ({"delay": -1}, "delay is -1; write seconds"),
        ({"delay": "5"}, "delay is '5'; write seconds"),
        ({"delay": True}, "delay is True"),
        ({"delay": float("nan")}, "delay is nan"),
        ({"delay": 1, "at": 1}, "both delay and at"),
        ({"at": "tomorrow"}, "write ISO 8601"),
        ({"at": "2030-01-31T08:00:00"}, "write an offset"),
        ({"at": NOW.replace(tzinfo=None)}, r"write an offset, such as '2023.*\+00:00'"),
        ({"at": NOW.date()}, "at is a day"),
        ({"at": True}, "at is True"),
        ({"at": NOW.timestamp() * 1000}, "write seconds since 1970"),
        ({"at": float("inf")}, "write seconds since 1970"),
        ({"at": [1]}, "write a datetime"),
        ({"dedupeKey": ["k"]}, "dedupeKey must be a text"),
        ({"dedupeKey": "k", "dedupeWindow": -1}, "dedupeWindow is -1"),
        ({"dedupeKey": "k", "dedupeWindow": "1h"}, "dedupeWindow is '1h'"),
        ({"dedupeWindow": 60}, "for a dedupeKey"),
    ],
)
def test_a_wrong_way_to_queue_is_refused_with_the_right_one(
    how: dict[str, object], advice: str
) -> None:
    rig = Rig()

    with pytest.raises(UsageError, match=advice):
        emitted(rig, **how)
    assert rig.store.events.steps() == []


def test_a_scheduled_event_is_cancelled_by_what_emit_answered() -> None:
    rig = Rig()
    event_id = emitted(rig, delay=60)
    assert event_id is not None

    assert rig.effects().cancel(event_id).result() == 1
    assert rig.effects().cancel(event_id).result() == 0
    assert rig.store.events.steps() == []


@pytest.mark.parametrize("event_id", [None, 5, ["e"]])
def test_a_cancel_of_no_id_shows_the_right_call(event_id: Any) -> None:
    with pytest.raises(UsageError, match=r"write cancel\(event_id\)"):
        Rig().effects().cancel(event_id)


def test_an_emit_into_a_full_queue_fails_and_so_does_the_settling() -> None:
    rig = Rig()
    rig.topics["order.created"] = (Target(step="steps/charge_step.py", depth_max=1),)
    effects = rig.effects()
    effects.emit({"topic": "order.created"})

    refused = effects.emit({"topic": "order.created"})

    assert isinstance(refused.error, QueueFullError)
    assert isinstance(effects.settle().error, QueueFullError)


@pytest.mark.parametrize("event", [{"data": 1}, {"topic": 5}, ["order.created"], None])
def test_an_emit_without_a_topic_shows_the_right_call(event: Any) -> None:
    with pytest.raises(UsageError, match="write emit"):
        Rig().effects().emit(event)


def test_a_value_without_json_form_fails_at_the_call() -> None:
    effects = Rig().effects()

    with pytest.raises(PayloadError):
        effects.state_set("g", "k", object())
    with pytest.raises(PayloadError):
        effects.emit({"topic": "nobody.listens", "data": object()})


@settings(max_examples=30)
@given(value=JSON)
def test_state_reads_as_it_was_written(value: object) -> None:
    effects = Rig().effects()

    assert effects.state_set("g", "k", value).result() == value
    assert effects.state_get("g", "k") == value
    assert effects.state_group("g") == [value]
    assert effects.state_delete("g", "k").result() == value
    assert effects.state_get("g", "k") is None


@pytest.mark.parametrize(("key", "text"), [(5, "5"), (None, "null"), (True, "true"), ("", "")])
def test_a_key_reads_as_javascript_writes_it(key: Any, text: str) -> None:
    effects = Rig().effects()
    effects.state_set("g", key, 1)

    assert effects.state_get("g", text) == 1


def test_a_key_that_is_a_list_is_refused() -> None:
    with pytest.raises(UsageError, match="key must be a text"):
        Rig().effects().state_get("g", ["k"])  # type: ignore[arg-type] # what is tested


def test_clearing_a_group_spares_others() -> None:
    effects = Rig().effects()
    effects.state_set("user-1", "k", 1)
    effects.state_set("user-10", "k", 10)

    effects.state_clear("user-1").result()

    assert effects.state_group("user-1") == []
    assert effects.state_group("user-10") == [10]


def marked(item_id: str, **item: object) -> dict[str, object]:
    place = {"type": "state-stream", "streamName": "chatMessages", "groupId": "g", "id": item_id}
    return {**item, "id": item_id, "__motia": place}


def test_a_stream_item_has_its_id_and_its_place() -> None:
    rig = Rig()
    effects = rig.effects()

    assert effects.stream_set("chatMessages", "g", "b", {"id": "x", "n": 1}).result() == marked(
        "b", n=1
    )
    assert effects.stream_get("chatMessages", "g", "b") == marked("b", n=1)
    assert effects.stream_group("chatMessages", "g") == [marked("b", n=1)]
    assert rig.store.streams.get("chatMessages", "g", "b") == b'{"id":"b","n":1}'
    assert effects.stream_delete("chatMessages", "g", "b").result() == marked("b", n=1)
    assert effects.stream_delete("chatMessages", "g", "b").result() is None
    assert effects.stream_get("chatMessages", "g", "b") is None


def test_an_item_that_was_read_may_be_written_back_without_its_place() -> None:
    rig = Rig()
    effects = rig.effects()
    item = effects.stream_set("chatMessages", "g", "1", {"n": 1}).result()

    effects.stream_set("chatMessages", "g", "1", {**item, "n": 2}).result()

    assert rig.store.streams.get("chatMessages", "g", "1") == b'{"n":2,"id":"1"}'


@pytest.mark.parametrize("data", [None, False, 0, ""])
def test_a_falsy_item_stores_nothing(data: object) -> None:
    rig = Rig()

    assert rig.effects().stream_set("chatMessages", "g", "1", data).result() is None
    assert rig.store.streams.group("chatMessages", "g") == []


def test_an_item_may_be_empty_or_an_object_of_the_users() -> None:
    effects = Rig().effects()

    assert effects.stream_set("chatMessages", "g", "1", {}).result() == marked("1")
    assert effects.stream_set("chatMessages", "g", "2", Point(x=1)).result() == marked("2", x=1)


@pytest.mark.parametrize("data", [[1], "text", 5])
def test_an_item_that_is_no_object_is_refused(data: object) -> None:
    with pytest.raises(UsageError, match="keeps objects"):
        Rig().effects().stream_set("chatMessages", "g", "1", data)


def test_an_unknown_stream_is_an_error_that_names_the_known() -> None:
    with pytest.raises(UnknownStreamError, match="chatMessages"):
        Rig().effects().stream_get("orders", "g", "1")


def needs_text(value: object) -> Sequence[tuple[str, str]]:
    assert isinstance(value, dict)
    return [] if isinstance(value.get("text"), str) else [("text", "must be a text")]


@pytest.mark.parametrize("validate", ["enforce", "warn", "off"])
def test_what_an_update_makes_of_an_item_keeps_the_schema_too(validate: str) -> None:
    rig = Rig(streams={"chat": needs_text}, validate=validate)
    effects = rig.effects()
    effects.stream_set("chat", "g", "1", {"text": "a", "n": 1}).result()

    updated = effects.stream_update("chat", "g", "1", {"n": 2, "id": "other"}).result()
    broken = effects.stream_update("chat", "g", "1", {"text": 5})

    assert updated["text"], updated["n"] == ("a", 2)
    assert updated["id"] == updated["__motia"]["id"] == "1"
    if validate == "enforce":
        with pytest.raises(InvalidInputError, match="text: must be a text"):
            broken.result()
        with pytest.raises(InvalidInputError):
            effects.settle().result()
    else:
        assert broken.result()["text"] == 5
    assert effects.stream_update("chat", "g", "none", {"text": "a"}).result() is None
    with pytest.raises(UsageError, match=r"update\(group, id"):
        effects.stream_update("chat", "g", "1", [1])


@pytest.mark.parametrize("validate", ["enforce", "warn", "off"])
def test_the_schema_of_a_stream_is_kept_as_the_setting_says(validate: str) -> None:
    rig = Rig(streams={"chat": needs_text}, validate=validate)
    effects = rig.effects()
    effects.stream_set("chat", "g", "1", {"text": datetime(2026, 1, 1, tzinfo=UTC)}).result()

    if validate == "enforce":
        with pytest.raises(InvalidInputError, match="text: must be a text"):
            effects.stream_set("chat", "g", "2", {"text": 5})
    else:
        effects.stream_set("chat", "g", "2", {"text": 5}).result()

    assert len(effects.stream_group("chat", "g")) == (1 if validate == "enforce" else 2)
    assert [line["level"] for line in rig.lines()] == (["warn"] if validate == "warn" else [])


def test_a_send_is_told_to_listeners_and_kept_nowhere() -> None:
    rig = Rig()
    effects = rig.effects()

    effects.stream_send("chatMessages", {"groupId": "g"}, {"type": "ping", "data": 1}).result()

    (change,) = rig.store.streams.changes(after_seq=0, count_max=9)
    assert (change.type, change.item_id) == ("event", None)
    assert change.data == b'{"type":"ping","data":1}'
    assert effects.stream_group("chatMessages", "g") == []
    with pytest.raises(UsageError, match="write send"):
        effects.stream_send("chatMessages", "g", {})  # type: ignore[arg-type] # what is tested


def test_settling_waits_for_every_write() -> None:
    rig = Rig()
    effects = rig.effects()
    assert effects.settle().is_done
    rig.store.is_held = True

    writes = [effects.state_set("g", str(index), index) for index in range(600)]
    settled = effects.settle()
    assert not settled.is_done
    rig.store.let_go()

    assert settled.result(1.0) is None
    assert [write.result(1.0) for write in writes] == list(range(600))
    assert effects.settle().is_done


def test_settling_fails_with_the_first_that_failed() -> None:
    rig = Rig()
    effects = rig.effects()
    rig.store.is_held = True
    effects.state_set("g", "k", 1)
    effects.stream_delete("chatMessages", "g", "1")
    rig.store.let_go(StoreFullError("full"))

    assert isinstance(effects.settle().error, StoreFullError)
    with pytest.raises(StoreFullError):
        effects.settle().result(1.0)


def test_a_level_that_does_not_exist_counts_as_info() -> None:
    rig = Rig()

    rig.effects().log("ercror", "hello", {"n": 1})

    (line,) = rig.lines()
    assert (line["level"], line["msg"], line["n"], line["flows"]) == ("info", "hello", 1, ["shop"])
