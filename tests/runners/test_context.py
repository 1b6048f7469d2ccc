"""What handlers do with their context, in both ways of writing them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from motia_actors.errors import UnknownStreamError
from motia_actors.runners.context import Context, snake_case
from motia_actors.runners.operations import Operations
from tests.runners.rig import Project, Rig
from tests.runners.test_handler import handler_of


def context_of(rig: Rig, *, wraps_state: bool = False) -> Context:
    effects = rig.effects()
    return Context(effects.call, Operations(effects, wraps_state=wraps_state))


@pytest.mark.parametrize("word", ["", "await "])
def test_state_and_streams_work_in_both_spellings(either: Project, rig: Rig, word: str) -> None:
    kind = "async def" if word else "def"
    loaded = either.step(
        f"""
        {kind} handler(req, context):
            s, chat = context.state, context.streams.chat_messages
            return [
                {word}s.set("g", "k", {{"n": 1}}), {word}s.get("g", "k"), {word}s.get("g", "none"),
                {word}s.get_group("g"), {word}s.getGroup("g", "ignored"),
                {word}s.get(trace_id="g", key="k"),
                {word}s.delete("g", "k"), {word}s.delete("g", "k"), {word}s.clear("g"),
                ({word}chat.set("room", "1", {{"text": "hi", "n": 1}}))["id"],
                ({word}chat.update("room", "1", {{"n": 2}}))["n"],
                {word}chat.update("x", "1", {{}}),
                ({word}context.streams["chatMessages"].get("room", "1"))["text"],
                len({word}chat.getGroup("room")), len({word}chat.get_group(group_id="room")),
                {word}chat.send({{"groupId": "room"}}, {{"type": "ping"}}),
                ({word}chat.delete("room", "1"))["__motia"]["groupId"],
                len({word}context.emit({{"topic": "order.created", "data": {{}}}})),
                {word}context.cancel(
                    {word}context.emit({{"topic": "order.created", "data": 1, "delay": 60}})
                ),
                {word}context.logger.info("hello") if {bool(word)} else context.logger.info("x"),
            ]
        """
    )

    value: Any = {"n": 1}
    assert rig.value(loaded.handler) == [
        *(value, value, None, [value], [value], value, value, None, None),
        *("1", 2, None, "hi", 1, 1, None, "room", 32, 1, None),
    ]
    assert rig.store.events.depth("steps/charge_step.py").waiting == 1


def test_who_calls_is_told_in_both_spellings(rig: Rig) -> None:
    context = context_of(rig)

    assert context.trace_id == context.traceId == "K7PQ2-4431022"
    assert context.flows == ["shop"]
    assert context.delivery is None


def test_what_the_context_has_not_is_an_attribute_error_that_lists_what_it_has(rig: Rig) -> None:
    context = context_of(rig)

    assert getattr(context, "rpc", None) is None
    with pytest.raises(AttributeError, match=r"no 'payload'; it has emit, cancel, logger, state"):
        _ = context.payload


@pytest.mark.parametrize("name", ["chatMessages", "chat_messages"])
def test_a_stream_is_known_by_its_name_and_its_snake_case(rig: Rig, name: str) -> None:
    streams = context_of(rig).streams

    assert getattr(streams, name).get_group("room") == []
    assert streams[name].get_group("room") == []


def test_an_unknown_stream_names_the_known_ones(rig: Rig) -> None:
    streams = context_of(rig).streams

    with pytest.raises(UnknownStreamError, match="chatMessages"):
        _ = streams.orders
    assert not hasattr(streams, "orders")
    assert streams.get("orders") is None
    assert list(streams) == ["chatMessages"]


@pytest.mark.parametrize(
    ("name", "snake"),
    [("chatMessages", "chat_messages"), ("pet-creation", "pet_creation"), ("HTTPLog", "http_log")],
)
def test_snake_case(name: str, snake: str) -> None:
    assert snake_case(name) == snake


@pytest.mark.parametrize(
    ("call", "advice"),
    [
        ('state.set("key", 1)', "state.set(group, key, value)"),
        ('state.get("key")', "state.get(group, key)"),
        ('state.delete("key")', "state.delete(group, key)"),
        ("state.clear()", "state.clear(group)"),
        ("state.get_group()", "state.get_group(group)"),
    ],
)
@pytest.mark.parametrize("word", ["", "await "])
def test_a_slip_that_motia_lets_pass_does_nothing_and_is_told(
    either: Project, rig: Rig, word: str, call: str, advice: str
) -> None:
    kind = "async def" if word else "def"
    loaded = either.step(f"{kind} handler(req, context):\n    return {word}context.{call}\n")

    assert rig.value(loaded.handler) is None
    (line,) = rig.lines()
    assert line["level"] == "warn"
    assert advice in line["msg"]
    assert rig.store.state.items(count_max=9) == []


@pytest.mark.parametrize(
    "given",
    [
        ("order.created", {"n": 1}),
        ({"type": "order.created", "data": {"n": 1}},),
        ({"topic": "order.created", "payload": {"n": 1}},),
        ({"topic": "order.created", "data": 1, "message_group_id": "g"},),
        ({"topic": "order.created", "data": 1, "dedupe_key": "k"},),
        ({"topic": "order.created", "data": 1, "delaySeconds": 1},),
    ],
)
def test_an_emit_in_another_shape_is_understood_and_told(rig: Rig, given: tuple[Any, ...]) -> None:
    context_of(rig).emit(*given)

    assert rig.store.events.depth("steps/charge_step.py").waiting == 1
    assert [line["level"] for line in rig.lines()] == ["warn"]


def test_a_key_in_another_spelling_has_its_effect(rig: Rig) -> None:
    context = context_of(rig)
    event = {"topic": "order.created", "dedupe_key": "k", "dedupe_window": 5, "delaySeconds": 9}

    ids = [context.emit(event) for _ in range(2)]

    assert ids[0] == ids[1]
    assert rig.store.events.next_due_s("steps/charge_step.py") == rig.clock.now_s() + 9
    rig.clock.advance(5.0)
    assert context.emit(event) != ids[0]


@pytest.mark.parametrize(
    ("stored", "read"),
    [(None, {"data": None}), ({"n": 1}, {"data": {"n": 1}}), ({"data": 1}, {"data": 1}), ([], [])],
)
def test_the_envelope_of_motia_can_be_had(rig: Rig, stored: object, read: object) -> None:
    rig.effects().state_set("g", "k", stored)

    assert context_of(rig, wraps_state=True).state.get("g", "k") == read
    assert context_of(rig).state.get("g", "k") == stored


def test_every_logger_call_of_real_projects_is_a_line(rig: Rig) -> None:
    logger = context_of(rig).logger
    logger.info("a", {"n": 1})
    logger.warning("b")
    logger.error("c", "text")
    logger.debug("d", why="slow")
    logger.log({"level": "warn", "msg": "e", "n": 2})
    logger.log("f")
    logger.info("g %s", 1, 2)
    try:
        int("boom")
    except ValueError:
        logger.exception("h")

    lines = rig.lines()

    assert [line["msg"] for line in lines] == ["a", "b", "c", "d", "e", "f", "g %s", "h"]
    assert [line["level"] for line in lines] == [
        *("info", "warn", "error", "debug", "warn", "info", "info", "error")
    ]
    assert (lines[0]["n"], lines[2]["data"], lines[4]["n"]) == (1, "text", 2)
    assert lines[6]["data"] == [1, 2]
    assert lines[7]["error"]["message"] == "invalid literal for int() with base 10: 'boom'"
    assert lines[0]["traceId"] == "K7PQ2-4431022"
    assert lines[0]["step"] == "Order"


# On an event loop.


def test_an_operation_may_be_awaited_twice_gathered_and_made_a_task(rig: Rig) -> None:
    async def handler(req: Any, context: Any) -> Any:
        rig.store.is_held = True
        twice = context.state.set("g", "a", 1)
        task = asyncio.create_task(context.state.set("g", "b", 2))
        gathered = asyncio.gather(context.state.set("g", "c", 3), context.state.set("g", "d", 4))
        await asyncio.sleep(0)
        await asyncio.to_thread(rig.store.let_go)
        done = await asyncio.create_task(context.state.get("g", "a"))
        return await twice, await twice, await task, await gathered, done

    assert rig.value(handler_of(handler)) == (1, 1, 2, [3, 4], 1)


def test_a_read_sees_the_writes_of_its_call_that_are_on_their_way(rig: Rig) -> None:
    async def handler(req: Any, context: Any) -> Any:
        rig.store.is_held = True
        context.state.set("g", "k", 1)
        read = asyncio.ensure_future(context.state.get("g", "k"))
        await asyncio.sleep(0)
        await asyncio.to_thread(rig.store.let_go)
        return await read

    assert rig.value(handler_of(handler)) == 1


def test_a_read_does_not_suspend(rig: Rig) -> None:
    async def handler(req: Any, context: Any) -> Any:
        with pytest.raises(StopIteration) as stopped:
            context.state.get("g", "k").send(None)
        return stopped.value.value

    assert rig.value(handler_of(handler)) is None


def test_a_cancelled_wait_leaves_the_operation_going(rig: Rig) -> None:
    async def handler(req: Any, context: Any) -> Any:
        rig.store.is_held = True
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(context.state.set("g", "k", 1), 0)
        rig.store.let_go()
        return await context.state.get("g", "k")

    assert rig.value(handler_of(handler)) == 1


def test_a_thread_that_an_async_handler_asks_gets_values(rig: Rig) -> None:
    async def handler(req: Any, context: Any) -> Any:
        return await asyncio.to_thread(lambda: context.state.set("g", "k", 5))

    assert rig.value(handler_of(handler)) == 5


def test_many_operations_that_nobody_awaits_are_let_go_of(rig: Rig) -> None:
    async def handler(req: Any, context: Any) -> int:
        rig.store.is_held = True
        for index in range(1000):
            context.state.set("g", str(index), index)
            if index % 100 == 99:
                rig.store.let_go()
                rig.store.is_held = True
        rig.store.let_go()
        return len(context._operations.unawaited)

    assert rig.value(handler_of(handler)) <= 400
    assert len(rig.effects().state_group("g")) == 1000
