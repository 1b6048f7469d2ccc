"""One step by itself."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from motia_actors.errors import InvalidInputError, UnknownStreamError, UsageError
from motia_actors.testing import FakeContext, request

ITEM = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}


def test_an_async_handler_runs_and_the_test_reads_what_it_did() -> None:
    async def handler(req: Any, context: Any) -> Any:
        await context.state.set("notes", "1", req.body)
        await context.emit({"topic": "noted", "data": req["body"], "messageGroupId": "n"})
        return {"status": 201, "body": req.pathParams}

    context = FakeContext()
    answer = context.run(handler, request(body={"a": 1}, params={"id": "x"}))

    assert answer == {"status": 201, "body": {"id": "x"}}
    assert context.state.get("notes", "1") == {"a": 1}
    assert context.emitted("noted") == [{"a": 1}]
    assert context.events[0].how == {"messageGroupId": "n"}


def test_a_sync_handler_runs_too() -> None:
    def handler(data: Any, context: Any) -> None:
        context.state.set("notes", data["id"], data)

    context = FakeContext()
    context.run(handler, {"id": "1"})

    assert context.state.get_group("notes") == [{"id": "1"}]


def test_a_cron_handler_gets_the_context_alone() -> None:
    seen: list[object] = []
    context = FakeContext()

    context.run(seen.append)

    assert seen == [context]


def test_what_a_handler_raises_is_raised() -> None:
    async def handler(_data: Any) -> None:
        raise LookupError("no such note")

    with pytest.raises(LookupError, match="no such note"):
        FakeContext().run(handler, {})


def test_what_was_not_awaited_happens_all_the_same() -> None:
    async def handler(_data: Any, context: Any) -> None:
        context.state.set("notes", "1", "kept")
        await asyncio.sleep(0)

    context = FakeContext()
    context.run(handler, {})

    assert context.state.get("notes", "1") == "kept"


def test_a_stream_is_there_by_its_name_and_its_schema_holds() -> None:
    context = FakeContext(streams={"chatNotes": ITEM})

    context.streams.chat_notes.set("room", "1", {"text": "hi"})

    assert context.streams.chatNotes.get("room", "1")["text"] == "hi"
    with pytest.raises(InvalidInputError, match="text"):
        context.streams.chat_notes.set("room", "2", {"text": 3})


def test_a_stream_that_was_not_named_is_unknown() -> None:
    with pytest.raises(UnknownStreamError):
        FakeContext(streams=["notes"]).streams.other  # noqa: B018 (looking is the test)


def test_wrong_arguments_fail_as_they_do_in_production() -> None:
    with pytest.raises(UsageError, match="topic"):
        FakeContext().emit({"data": 1})


def test_an_event_is_noted_as_its_listeners_would_get_it() -> None:
    context = FakeContext()

    context.emit({"topic": "noted", "data": {"at": (1, 2)}})

    assert context.emitted("noted") == [{"at": [1, 2]}]


def test_log_lines_are_kept_with_their_fields() -> None:
    context = FakeContext(trace_id="T")

    context.logger.warn("low", {"left": 1})  # noqa: G010 (Motia's spelling)

    [line] = context.logs
    assert (line.level, line.message, line.fields, line.trace_id) == (
        "warn",
        "low",
        {"left": 1},
        "T",
    )


def test_values_are_changed_in_one_step_as_in_production() -> None:
    async def handler(_data: Any, context: Any) -> Any:
        await context.state.update("g", "tags", lambda old: [*(old or []), "new"])
        taken = await context.state.compare_and_set("g", "lock", None, "me")
        return taken, await context.state.increment("g", "n", 2)

    context = FakeContext()

    assert context.run(handler, {}) == (True, 2)
    assert context.state.keys("g") == ["lock", "n", "tags"]
    with pytest.raises(UsageError, match='holds "me", which is no number'):
        context.state.increment("g", "lock")


def test_a_value_ends_by_the_clock_of_the_test() -> None:
    context = FakeContext()
    context.state.set("sessions", "s1", {"user": 7}, ttl=60)

    context.clock.advance(59)
    assert context.state.get("sessions", "s1") == {"user": 7}
    context.clock.advance(1)

    assert context.state.get("sessions", "s1") is None
    assert context.state.get_group("sessions") == context.state.keys("sessions") == []
