"""Log lines: their shape, their limits, and that nothing a caller passes makes them fail."""

from __future__ import annotations

import io
import logging
import re
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motia_actors.clock import ManualClock
from motia_actors.errors import SettingsError
from motia_actors.telemetry.logs import Level, LogRecord, LogSink, SinkHandler, encode_line
from motia_actors.telemetry.traces import new_event_id, new_trace_id

NOW_S = 1_736_246_400.123


def a_record(level: Level = "info", message: object = "text", fields: object = None) -> LogRecord:
    return LogRecord(
        level=level,
        at_s=NOW_S,
        message=message,
        trace_id="K7PQ2-4431022",
        flows=("f",),
        step="Order",
        fields=fields,
    )


def caught() -> ValueError:
    with pytest.raises(ValueError, match="boom") as info:
        raise ValueError("boom")
    return info.value


def line_of(fields: object, message: object = "text") -> dict[str, Any]:
    line: dict[str, Any] = msgspec.json.decode(
        encode_line(a_record(fields=fields, message=message))
    )
    return line


class Odd:
    def __repr__(self) -> str:
        raise RuntimeError

    __slots__ = ()


class Pet:
    def __init__(self) -> None:
        self.name = "Rex"


def test_a_line_is_one_json_object() -> None:
    stream = io.StringIO()

    LogSink(stream=stream, is_terminal=False).write(a_record(fields={"n": 1}))

    assert stream.getvalue() == (
        '{"level":"info","time":1736246400123,"traceId":"K7PQ2-4431022","flows":["f"],'
        '"step":"Order","msg":"text","n":1}\n'
    )


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        (None, {}),
        ("text", {"data": "text"}),
        ([1], {"data": [1]}),
        (Pet(), {"name": "Rex"}),
        ({"pet": Pet()}, {"pet": {"name": "Rex"}}),
        ({1: "one"}, {"1": "one"}),
        ({"msg": "mine", "level": 9}, {"msg_": "mine", "level_": 9}),
        ({"odd": Odd(), "n": 1}, {"odd": "<Odd without repr>", "n": 1}),
        ({"s": "\ud800"}, {"s": "\\ud800"}),
        ({"t": {(1, 2): 3}}, {"t": {"(1, 2)": 3}}),
        ({"type": int}, {"type": "<class 'int'>"}),
    ],
)
def test_fields_stand_beside_the_lines_own(fields: object, shown: dict[str, object]) -> None:
    line = line_of(fields)

    assert {key: line[key] for key in list(line)[6:]} == shown
    assert (line["level"], line["msg"]) == ("info", "text")


def test_an_exception_is_shown_with_name_message_and_stack() -> None:
    line = line_of({"error": caught()})

    assert (line["error"]["name"], line["error"]["message"]) == ("ValueError", "boom")
    assert "test_logs.py" in line["error"]["stack"]


def test_a_value_that_holds_itself_is_shown() -> None:
    pet = Pet()
    pet.name = pet  # type: ignore[assignment] # what is tested

    assert "Pet object" in line_of({"pet": pet})["pet"]


@settings(max_examples=30)
@given(message=st.text(max_size=100), size=st.integers(0, 5000))
def test_a_line_never_exceeds_its_limit(message: str, size: int) -> None:
    record = a_record(message=message * 20, fields={"x": "y" * size})

    assert len(encode_line(record, bytes_max=2048)) <= 2048


def test_a_cut_line_says_how_long_it_was() -> None:
    line = msgspec.json.decode(encode_line(a_record(fields={"x": "y" * 5000}), bytes_max=1000))

    assert line["truncatedBytes"] > 5000
    assert line["msg"] == "text"


@pytest.mark.parametrize(
    ("level", "kept"),
    [("debug", 4), ("info", 3), ("warn", 2), ("ERROR", 1)],
)
def test_lines_below_the_level_are_neither_printed_nor_kept(level: str, kept: int) -> None:
    stream = io.StringIO()
    sink = LogSink(level=level, stream=stream, is_terminal=False)

    for one in ("debug", "info", "warn", "error"):
        sink.write(a_record(one))

    assert len(sink.drain()) == stream.getvalue().count("\n") == kept


def test_a_level_that_does_not_exist_is_a_wrong_setting() -> None:
    with pytest.raises(SettingsError, match="debug, info, warn, error"):
        LogSink(level="loud")


def test_a_full_buffer_drops_the_oldest_and_counts() -> None:
    sink = LogSink(stream=io.StringIO(), is_terminal=False, records_max=3)

    for index in range(5):
        sink.write(a_record(message=str(index)))

    assert sink.dropped == 2
    assert [msgspec.json.decode(line)["msg"] for line in sink.drain(count_max=2)] == ["2", "3"]
    assert len(sink.drain()) == 1
    assert sink.drain() == []


def test_a_closed_stream_loses_the_print_and_not_the_record() -> None:
    stream = io.StringIO()
    sink = LogSink(stream=stream, is_terminal=False)
    stream.close()

    sink.write(a_record())

    assert (sink.dropped, len(sink.drain())) == (1, 1)


def test_a_person_sees_a_line_and_a_tree() -> None:
    stream = io.StringIO()

    LogSink(stream=stream, is_terminal=True).write(a_record(fields={"a": 1, "b": {"c": "d"}}))

    plain = re.sub(r"\x1b\[\d+m", "", stream.getvalue())
    assert re.sub(r"\d\d:\d\d:\d\d", "T", plain) == (
        '[T] K7PQ2-4431022 [INFO] Order text\n├ a: 1\n└ b: {"c": "d"}\n'
    )


def test_what_is_logged_cannot_steer_the_terminal() -> None:
    stream = io.StringIO()

    LogSink(stream=stream, is_terminal=True).write(a_record(message="\x1b[2Jgone\r"))

    assert "\x1b[2J" not in stream.getvalue()
    assert "\\x1b[2Jgone\\x0d" in stream.getvalue()


def test_the_runtimes_own_log_goes_the_same_way() -> None:
    sink = LogSink(stream=io.StringIO(), is_terminal=False)
    logger = logging.getLogger("motia_actors.test_logs")
    logger.propagate = False
    logger.addHandler(SinkHandler(sink, clock=ManualClock(NOW_S)))

    logger.warning("step %s is slow", "Order")
    logger.critical("wrong format %d", "x")
    logger.debug("not shown")
    logger.error("failed", exc_info=caught())

    slow, wrong, failed = [msgspec.json.decode(line) for line in sink.drain()]
    assert (slow["level"], slow["msg"], slow["time"]) == (
        "warn",
        "step Order is slow",
        1736246400123,
    )
    assert (wrong["level"], "wrong format" in wrong["msg"]) == ("error", True)
    assert failed["error"]["message"] == "boom"


def test_a_record_of_a_step_has_its_step_trace_and_flows_in_their_places() -> None:
    sink = LogSink(stream=io.StringIO(), is_terminal=False)
    logger = logging.getLogger("tests.of.a.step")
    logger.propagate = False
    logger.addHandler(SinkHandler(sink, clock=ManualClock(NOW_S)))
    fields = {"step": "Order", "traceId": "K7PQ2-4431022", "flows": ("f",), "attempt": 2}

    logger.warning("retried", extra={"fields": fields})

    [line] = [msgspec.json.decode(line) for line in sink.drain()]
    assert {name: line[name] for name in fields} == {**fields, "flows": ["f"]}


def test_a_trace_id_has_the_shape_of_motia() -> None:
    assert re.fullmatch(r"[A-HJKMNP-Z1-9]{5}-6400123", new_trace_id(NOW_S))


def test_event_ids_are_unique_and_sort_by_time() -> None:
    ids = [new_event_id(NOW_S + index / 100) for index in range(1000)]

    assert len(set(ids)) == 1000
    assert sorted(ids) == ids
