"""Look up steps and streams, and check them against each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from motia_actors.errors import UnknownStreamError
from motia_actors.steps.catalog import Catalog
from motia_actors.steps.checks import check
from motia_actors.steps.config import Problem, Step, Stream
from tests.steps.reports import API, CRON, EVENT, NOOP, read


def a_step(base: dict[str, Any], file: str, **changes: Any) -> Step:
    step, problems = read({**base, "name": file, **changes}, file=file)
    assert step is not None, problems
    return step


def a_stream(name: str, file: str = "s_stream.py") -> Stream:
    return Stream(id=file, name=name)


def catalog_of(*steps: Step, streams: tuple[Stream, ...] = ()) -> Catalog:
    return Catalog(root=Path("/project"), steps=steps, streams=streams)


def found(problems: tuple[Problem, ...]) -> list[tuple[str, str, str]]:
    return [(problem.severity, problem.file, problem.field) for problem in problems]


def test_steps_are_found_by_id_kind_and_topic() -> None:
    api, cron = a_step(API, "a"), a_step(CRON, "c")
    one, two = a_step(EVENT, "e1"), a_step(EVENT, "e2", subscribes=["t", "u"])
    catalog = catalog_of(api, cron, one, two)

    assert catalog.step("e1") is one
    assert catalog.step("none") is None
    assert catalog.api_steps == (api,)
    assert catalog.cron_steps == (cron,)
    assert catalog.subscribers("t") == (one, two)
    assert catalog.subscribers("u") == (two,)
    assert catalog.subscribers("none") == ()


def test_virtual_subscriptions_get_no_events() -> None:
    drawn = a_step(NOOP, "n", virtualSubscribes=["t"])
    both = a_step(EVENT, "e", subscribes=["u"], virtualSubscribes=["t"])

    assert catalog_of(drawn, both).subscribers("t") == ()


def test_the_first_of_two_equal_routes_answers_and_both_files_are_named() -> None:
    first, second = a_step(API, "one"), a_step(API, "two")

    [problem] = check([first, second], [])

    assert catalog_of(first, second).api_steps == (first,)
    assert found((problem,)) == [("warning", "two", "path")]
    assert "GET /a" in problem.reason
    assert "one" in problem.reason
    assert "two" in problem.reason


def test_one_path_may_have_several_methods() -> None:
    assert check([a_step(API, "one"), a_step(API, "two", method="POST")], []) == ()


def test_steps_of_one_name_all_run_with_a_warning() -> None:
    api = a_step(API, "a", name="Same")
    event = a_step(EVENT, "b", name="Same")
    noop = a_step(NOOP, "c", name="Same")

    assert found(check([api, event, noop], [])) == [("warning", "b", "name")]
    assert catalog_of(api, event).subscribers("t") == (event,)


def test_a_topic_without_subscriber_or_emitter_is_named() -> None:
    api = a_step(API, "a", emits=["lost", "t"])
    event = a_step(EVENT, "b", subscribes=["t", "never"], emits=["t"])

    problems = check([api, event], [])

    assert found(problems) == [("warning", "a", "emits"), ("warning", "b", "subscribes")]
    assert "'lost'" in problems[0].reason
    assert "'never'" in problems[1].reason


def test_a_step_that_declares_nothing_may_emit_what_others_wait_for() -> None:
    assert check([a_step(API, "a", emits=[]), a_step(EVENT, "b", emits=["t"])], []) == ()


def test_drawn_topics_neither_emit_nor_subscribe() -> None:
    api = a_step(API, "a", emits=["x"], virtualEmits=["t"])
    event = a_step(EVENT, "b", emits=["x"], virtualSubscribes=["x"])
    noop = a_step(NOOP, "c", virtualEmits=["t"], virtualSubscribes=["x"])

    assert found(check([api, event, noop], [])) == [
        ("warning", "a", "emits"),
        ("warning", "b", "emits"),
        ("warning", "b", "subscribes"),
    ]


def test_a_step_may_be_in_several_flows() -> None:
    assert check([a_step(API, "a", flows=["x", "y"]), a_step(CRON, "b", flows=["x"])], []) == ()


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("chatMessages", "chatMessages"),
        ("chatMessages", "chat_messages"),
        ("chat-messages", "chat_messages"),
        ("HTTPLog2Line", "http_log2_line"),
        ("todo", "todo"),
        ("Team Chat", "team_chat"),
    ],
)
def test_a_stream_is_found_as_written_or_as_python_spells_it(name: str, wanted: str) -> None:
    streams = (a_stream("other"), a_stream(name))

    assert catalog_of(streams=streams).stream(wanted).name == name


def test_an_unknown_stream_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UnknownStreamError, match="chat, todo"):
        catalog_of(streams=(a_stream("todo"), a_stream("chat"))).stream("chats")


def test_a_python_spelling_of_two_streams_is_reported_and_finds_none() -> None:
    streams = (a_stream("chatLog", "1"), a_stream("chat-log", "2"))

    assert found(check([], streams)) == [("warning", "2", "name")]
    with pytest.raises(UnknownStreamError):
        catalog_of(streams=streams).stream("chat_log")
    assert catalog_of(streams=streams).stream("chat-log") is streams[1]
