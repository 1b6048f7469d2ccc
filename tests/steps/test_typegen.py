"""Types that follow from a project's schemas, as both languages write them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from motia_actors.steps.catalog import Catalog
from motia_actors.steps.config import Emit, Infrastructure, QueuePolicy, Step, Stream
from motia_actors.steps.python_types import class_name, motia_types_pyi
from motia_actors.steps.typegen import emits_of, merged, path_params
from motia_actors.steps.typescript_types import type_of, types_d_ts

TEXT = {"type": "string"}


def an_object(*required: str, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required)}


# The first eight are the cases of Motia's own tests.
FORMS: list[tuple[Any, str, str]] = [
    ({"type": "object", "additionalProperties": TEXT}, "Record<string, string>", "dict[str, str]"),
    (
        {"type": "object", "additionalProperties": an_object("name", name=TEXT)},
        "Record<string, { name: string }>",
        "dict[str, AskBodyValue]",
    ),
    (an_object("name", name=TEXT), "{ name: string }", "AskBody"),
    (an_object(name=TEXT), "{ name?: string }", "AskBody"),
    (
        {"type": "array", "items": an_object("name", name=TEXT)},
        "Array<{ name: string }>",
        "list[AskBodyItem]",
    ),
    (
        an_object("status", status={"type": "string", "enum": ["open", "closed"]}),
        "{ status: 'open' | 'closed' }",
        "AskBody",
    ),
    (None, "unknown", "Any"),
    ({"type": "string", "format": "binary"}, "Bytes", "Upload | list[Upload]"),
    ({"type": "integer"}, "number", "int"),
    ({"type": ["string", "null"]}, "string | null", "str | None"),
    ({"anyOf": [TEXT, {"type": "number"}, TEXT]}, "string | number", "str | float"),
    ({"const": 5}, "5", "Literal[5]"),
    ({"enum": ["it's", '"', None, True]}, "'it\\'s' | '\"' | null | true",
     "Literal[\"it's\", '\"', None, True]"),
    ({"type": "array"}, "Array<unknown>", "list[Any]"),
    ({"type": "array", "prefixItems": [TEXT, {"type": "null"}]}, "[string, null]", "list[Any]"),
    (an_object("a-b", **{"a-b": TEXT, "class": TEXT}), "{ 'a-b': string; class?: string }",
     "AskBody"),
    ({"$ref": "#/$defs/A", "$defs": {"A": TEXT}}, "string", "str"),
    ({"allOf": [an_object("a", a=TEXT), an_object("b", b=TEXT)]}, "{ a: string } & { b: string }",
     "AskBody"),
]  # fmt: skip


def catalog_of(*steps: Step, streams: tuple[Stream, ...] = ()) -> Catalog:
    return Catalog(root=Path(), steps=steps, streams=streams)


def ask_step(**fields: Any) -> Step:
    made = {"id": "steps/ask.step.ts", "kind": "api", "name": "Ask", "method": "POST", "path": "/a"}
    return Step(**{**made, **fields})


def listener(name: str, schema: Any = None, *, is_fifo: bool = False) -> Step:
    return Step(
        id=f"steps/{name}_step.py",
        kind="event",
        name=name,
        subscribes=("sold",),
        input_schema=schema,
        infrastructure=Infrastructure(queue=QueuePolicy(is_fifo=is_fifo)),
    )


@pytest.mark.parametrize(("schema", "typescript", "python"), FORMS)
def test_each_form_of_a_schema_has_its_type(schema: Any, typescript: str, python: str) -> None:
    stub = motia_types_pyi(catalog_of(ask_step(body_schema=schema)))

    assert type_of(schema) == typescript
    assert f"Request: TypeAlias = ApiRequest[{python}, dict[str, str]]" in stub


def test_a_schema_of_itself_ends_as_unknown() -> None:
    schema = {"$ref": "#/$defs/N", "$defs": {"N": an_object(next={"$ref": "#/$defs/N"})}}

    assert "next?: Record<string, unknown>" in type_of(schema) or "unknown" in type_of(schema)


def test_data_satisfies_all_listeners() -> None:
    one = an_object("id", id=TEXT, at=an_object("x", x=TEXT))
    other = an_object("id", "price", id=TEXT, price={"type": "number"}, at=an_object(y=TEXT))

    assert (
        type_of(merged([one, other]))
        == "{ id: string; at?: { x: string; y?: string }; price: number }"
    )


def test_data_that_cannot_be_both_is_said_to_be_both() -> None:
    assert type_of(merged([an_object("a", a=TEXT), an_object("a", a={"type": "number"})])) == (
        "{ a: string & number }"
    )


@pytest.mark.parametrize(
    ("kinds", "needs_group"), [([True], True), ([False], False), ([False, True], True)]
)
def test_a_fifo_listener_wants_a_group(kinds: list[bool], needs_group: bool) -> None:
    listeners = [listener(f"L{index}", is_fifo=kind) for index, kind in enumerate(kinds)]
    step = ask_step(emits=(Emit(topic="sold"),))
    catalog = catalog_of(step, *listeners)

    [emit] = emits_of(catalog, step)

    assert emit.needs_group is needs_group
    assert ("messageGroupId: string " in types_d_ts(catalog)) is needs_group
    assert ("messageGroupId: str\n" in motia_types_pyi(catalog)) is needs_group


def test_a_topic_that_nobody_hears_is_no_topic() -> None:
    step = ask_step(emits=(Emit(topic="sold"), Emit(topic="lost")))

    assert [emit.topic for emit in emits_of(catalog_of(step, listener("L")), step)] == ["sold"]


def test_a_handler_has_its_body_answers_events_and_parameters() -> None:
    step = ask_step(
        path="/shops/:shop/items/:item",
        body_schema=an_object("n", n={"type": "integer"}),
        response_schema={"200": an_object("ok", ok={"type": "boolean"}), "404": TEXT},
        emits=(Emit(topic="sold"),),
    )
    catalog = catalog_of(step, listener("L", an_object("id", id=TEXT)))

    assert (
        "'Ask': ApiRouteHandler<{ n: number }, ApiResponse<200, { ok: boolean }> | "
        "ApiResponse<404, string>, { topic: 'sold'; data: { id: string }; "
        "messageGroupId?: string }, { shop: string; item: string }>"
    ) in types_d_ts(catalog)


def test_steps_of_one_name_are_one_key_and_two_classes() -> None:
    catalog = catalog_of(ask_step(), listener("Ask"))

    assert types_d_ts(catalog).count("'Ask':") == 1
    assert "class Ask2:" in motia_types_pyi(catalog)


def test_streams_are_there_in_both_spellings_of_python() -> None:
    catalog = catalog_of(
        streams=(Stream(id="s", name="chatMessages", schema=an_object("a", a=TEXT)),)
    )

    assert "chatMessages: MotiaStream<{ a: string }>" in types_d_ts(catalog)
    assert "    chat_messages: Stream[ChatMessagesItem]" in motia_types_pyi(catalog)
    assert "    chatMessages: Stream[ChatMessagesItem]" in motia_types_pyi(catalog)


def test_names_become_names_of_classes() -> None:
    names = ["create order", "create-order", "createOrder", "1st", "…", "PY_step"]

    assert [class_name(name) for name in names] == [
        *("CreateOrder", "CreateOrder", "CreateOrder", "N1st", "Unnamed", "PYStep"),
    ]  # fmt: skip


def test_parameters_of_a_path() -> None:
    assert path_params("/a/:id([0-9]+)/b/:id/*rest") == ["id", "rest"]
