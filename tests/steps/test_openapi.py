"""The OpenAPI document of a project's api steps."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openapi_spec_validator import OpenAPIV31SpecValidator

from motia_actors.steps.config import Infrastructure, RateLimit, Step
from motia_actors.steps.files import with_files
from motia_actors.steps.openapi import document
from motia_actors.steps.openapi_paths import templates_of
from motia_actors.steps.openapi_schemas import example_of, modern
from motia_actors.steps.schema import compile_schema


def a_step(name: str = "Order", method: str = "POST", path: str = "/orders", **more: Any) -> Step:
    return Step(id=f"steps/{name}_step.py", kind="api", name=name, method=method, path=path, **more)


def described(*steps: Step) -> dict[str, Any]:
    api = document(steps, title="shop")
    OpenAPIV31SpecValidator(api).validate()
    return api


def test_a_step_is_described_with_all_that_it_says_of_itself() -> None:
    body = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    step = a_step(
        path="/orders/:id", description="Takes it", flows=("shop",), body_schema=body,
        response_schema={"201": {"type": "string"}, "400": {"type": "object"}},
        query_params=(("dry", "only look"),),
    )  # fmt: skip

    api = described(step)

    operation = api["paths"]["/orders/{id}"]["post"]
    assert [(one["name"], one["in"]) for one in operation["parameters"]] == [
        ("id", "path"),
        ("dry", "query"),
    ]
    content = operation["requestBody"]["content"]["application/json"]
    assert content["example"] == {"n": 1}
    assert api["components"]["schemas"]["OrderBody"] == body
    answered = operation["responses"]
    assert answered["201"]["content"]["application/json"]["example"] == "string"
    assert answered["503"] == {"$ref": "#/components/responses/Error503"}
    either = answered["400"]["content"]["application/json"]["schema"]["anyOf"]
    assert {"$ref": "#/components/schemas/Error"} in either
    assert "default" not in answered


def test_two_steps_of_one_name_and_one_route_are_valid_together() -> None:
    api = described(
        a_step(), a_step(method="GET"), a_step(method="GET", path="/orders/:a"),
        a_step(method="PUT", path="/orders/:b"), a_step(),
    )  # fmt: skip

    assert set(api["paths"]) == {"/orders", "/orders/{a}"}
    names = [one["operationId"] for path in api["paths"].values() for one in path.values()]
    assert len(set(names)) == len(names) == 3


def test_references_inside_a_schema_find_their_way() -> None:
    tree = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$ref": "#/definitions/node",
        "definitions": {
            "node": {
                "type": "object",
                "properties": {"next": {"$ref": "#/definitions/node"}, "n": {"minimum": 3}},
            }
        },
    }

    api = described(a_step(body_schema=tree))

    schema = api["components"]["schemas"]["OrderBody"]
    assert schema["$ref"] == "#/components/schemas/OrderBody/definitions/node"


@pytest.mark.parametrize(
    ("path", "templates"),
    [
        ("/users/:id", ["/users/{id}"]),
        ("/users/:id?", ["/users", "/users/{id}"]),
        (r"/users/:id(\d+)", ["/users/{id}"]),
        ("/:a-:b/", ["/{a}-{b}"]),
        ("/files/*", ["/files/{0}"]),
        ("/", ["/"]),
        ("/ab?cd", []),
        ("/(a|b)", []),
        ("/:many+", []),
    ],
)
def test_an_express_path_is_a_template_or_left_out(path: str, templates: list[str]) -> None:
    assert [one.path for one in templates_of(path)] == templates


def test_what_no_template_says_is_named() -> None:
    api = described(a_step(path="/(a|b)"))

    assert api["x-motia-undescribed"] == ["POST /(a|b) (steps/Order_step.py)"]


def test_a_schema_of_draft_4_becomes_one_of_2020() -> None:
    old = {"id": "x", "minimum": 1, "exclusiveMinimum": True, "items": [{"type": "string"}]}

    assert modern(old) == {"exclusiveMinimum": 1, "prefixItems": [{"type": "string"}]}


@given(
    st.fixed_dictionaries(
        {"type": st.just("integer")},
        optional={"minimum": st.integers(-9, 9), "multipleOf": st.integers(1, 4)},
    )
    | st.fixed_dictionaries({"type": st.just("string")}, optional={"minLength": st.integers(0, 30)})
    | st.fixed_dictionaries({"enum": st.lists(st.integers(), min_size=1)})
)
def test_an_example_of_a_plain_schema_fits_it(inner: dict[str, Any]) -> None:
    schema = {
        "type": "object",
        "properties": {"one": inner, "many": {"type": "array", "items": inner, "minItems": 2}},
        "required": ["one", "many"],
    }

    assert compile_schema(schema).problems(example_of(schema)) == []


def test_a_body_with_files_is_a_form_and_a_binary_answer_is_bytes() -> None:
    file = {"type": "string", "format": "binary"}
    body = {"type": "object", "properties": {"f": file, "more": {"type": "array", "items": file}}}

    api = described(a_step(body_schema=body, response_schema={"200": file}))

    operation = api["paths"]["/orders"]["post"]
    assert list(operation["requestBody"]["content"]) == ["multipart/form-data"]
    assert list(operation["responses"]["200"]["content"]) == ["application/octet-stream"]


def test_a_limited_step_may_answer_429_and_no_other_one() -> None:
    limited = Infrastructure(rate=RateLimit(count=1))

    api = described(a_step(infrastructure=limited), a_step("Free", "GET"))

    answers = {method: one["responses"] for method, one in api["paths"]["/orders"].items()}
    assert "429" in answers["post"]
    assert "429" not in answers["get"]


def test_the_files_of_a_schema_are_let_pass_and_the_rest_is_checked() -> None:
    file = {"type": "string", "format": "binary"}
    body = {"type": "object", "properties": {"f": file, "t": {"type": "string"}}}

    validator = compile_schema(with_files(body))

    assert not validator.problems({"f": {"filename": "a", "data": b""}, "t": "x"})
    assert [path for path, _ in validator.problems({"f": {}, "t": {}})] == ["t"]
    plain = {"type": "object", "properties": {"t": {"type": "string"}}}
    assert with_files(plain) is plain
