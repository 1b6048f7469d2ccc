"""Values against schemas, and the forms in which authors give schemas."""

from __future__ import annotations

import dataclasses
import datetime
import sys
from pathlib import Path
from typing import Any, TypedDict

import msgspec
import pydantic
import pytest

from motia_actors.errors import ConfigError
from motia_actors.steps.report import Report
from motia_actors.steps.schema import PROBLEMS_MAX, REASON_LENGTH_MAX, compile_schema
from motia_actors.steps.schema_forms import read_schema

ORDER: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "count": {"type": "integer", "minimum": 1},
        "size": {"enum": ["s", "m"]},
        "lines": {"type": "array", "items": {"$ref": "#/$defs/line"}},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "mail": {"type": "string", "format": "email"},
        "at": {"type": "string", "format": "date-time"},
        "opens": {"type": "string", "format": "time"},
    },
    "required": ["name"],
    "additionalProperties": False,
    "$defs": {"line": {"type": "object", "required": ["sku"]}},
}


class PydanticOrder(pydantic.BaseModel):
    name: str
    count: int = 1


@dataclasses.dataclass
class DataclassOrder:
    name: str
    count: int = 1


class StructOrder(msgspec.Struct):
    name: str
    count: int = 1


class TypedOrder(TypedDict):
    name: str


class Untold:
    def model_json_schema(self) -> object:
        raise RuntimeError("not today")


@pytest.mark.parametrize(
    "value",
    [
        {"name": "a"},
        {"name": "a", "count": 1, "size": "s", "lines": [{"sku": 1}], "note": None},
        {"name": "a", "at": "2026-01-01T10:00:00", "opens": "10:00"},
        {"name": "a", "at": "2026-01-01T10:00:00Z", "opens": "10:00:00+01:00"},
    ],
)
def test_a_value_that_fits_has_no_problems(value: object) -> None:
    assert compile_schema(ORDER).problems(value) == []


@pytest.mark.parametrize(
    ("value", "field", "reason"),
    [
        ({}, "name", "is required"),
        ({"name": 1}, "name", "must be string"),
        ({"name": "a", "lines": [{"sku": 1}, {}]}, "lines.1.sku", "is required"),
        ({"name": "a", "extra": 1}, "extra", "is not allowed"),
        ({"name": "a", "note": 1}, "note", "must be string or null"),
        ({"name": "a", "count": 0}, "count", "0 is less than the minimum of 1"),
        ({"name": "a", "size": "xl"}, "size", '"xl" is not one of "s" or "m"'),
        ({"name": "a", "mail": "x"}, "mail", '"x" is not a "email"'),
        ({"name": "a", "at": "2026-01-01"}, "at", '"2026-01-01" is not a "date-time"'),
        ({"name": "a", "at": "soon"}, "at", '"soon" is not a "date-time"'),
        ({"name": "a", "opens": "noon"}, "opens", '"noon" is not a "time"'),
        ([], "", "must be object"),
        (None, "", "must be object"),
    ],
)
def test_a_problem_names_field_and_reason(value: object, field: str, reason: str) -> None:
    assert compile_schema(ORDER).problems(value) == [(field, reason)]


def test_all_problems_come_at_once() -> None:
    problems = compile_schema(ORDER).problems({"count": "x", "size": "y", "a": 1, "b": 2})

    assert {field for field, _ in problems} == {"name", "count", "size", "a", "b"}


def test_the_number_and_length_of_problems_is_limited() -> None:
    many = compile_schema({"items": {"type": "integer"}}).problems(["x"] * (PROBLEMS_MAX + 1))
    long = compile_schema({"maxLength": 3}).problems("x" * 10_000)

    assert len(many) == PROBLEMS_MAX
    assert len(long[0][1]) == REASON_LENGTH_MAX


@pytest.mark.parametrize("value", [b"bytes", object(), {1: 2}], ids=["bytes", "object", "keys"])
def test_what_json_cannot_hold_is_one_problem(value: object) -> None:
    [(field, reason)] = compile_schema(ORDER).problems(value)

    assert field == ""
    assert reason.startswith("cannot be checked")


def test_alternatives_of_objects_say_what_each_lacks() -> None:
    one = {"type": "object", "required": ["a"]}
    other = {"type": "object", "required": ["b"]}

    problems = compile_schema({"properties": {"x": {"anyOf": [one, other]}}}).problems({"x": {}})

    assert problems == [("x", "a is required or b is required")]


@pytest.mark.parametrize(
    "schema",
    [
        {"$schema": "http://json-schema.org/draft-07/schema#", "items": [{"type": "string"}]},
        {"items": [{"type": "string"}]},
        {"$schema": "http://nowhere.test/schema", "prefixItems": [{"type": "string"}]},
        {"$schema": "https://json-schema.org/draft/2020-12/schema", "items": {"type": "string"}},
        {"definitions": {"s": {"type": "string"}}, "items": {"$ref": "#/definitions/s"}},
    ],
)
def test_each_draft_is_understood(schema: dict[str, Any]) -> None:
    validator = compile_schema(schema)

    assert validator.problems(["a"]) == []
    assert validator.problems([1]) == [("0", "must be string")]


def test_a_draft_4_schema_is_understood() -> None:
    schema = {"type": "integer", "minimum": 1, "exclusiveMinimum": True}

    assert compile_schema(schema).problems(2) == []
    assert [field for field, _ in compile_schema(schema).problems(1)] == [""]


def test_nothing_is_fetched(tmp_path: Path) -> None:
    there = tmp_path / "number.json"
    there.write_text('{"type": "number"}')

    for ref in (there.as_uri(), "http://127.0.0.1:9/x.json", "number.json"):
        with pytest.raises(ConfigError) as caught:
            compile_schema({"properties": {"a": {"$ref": ref}}})
        assert "$defs" in caught.value.way_out


@pytest.mark.parametrize(
    "schema",
    [{"type": "strng"}, {"required": "name"}, {"pattern": "("}, {"$ref": "#/nope"}],
)
def test_a_schema_that_does_not_compile_says_why(schema: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="does not compile as JSON Schema: "):
        compile_schema(schema)


@pytest.mark.parametrize(
    "given",
    [
        PydanticOrder,
        pydantic.TypeAdapter(PydanticOrder),
        PydanticOrder.model_json_schema(),
        DataclassOrder,
        StructOrder,
        TypedOrder,
    ],
    ids=["pydantic", "adapter", "json", "dataclass", "struct", "typed_dict"],
)
def test_every_form_of_a_schema_checks_alike(given: object) -> None:
    report = Report("steps/a_step.py")

    schema = read_schema(given, report, field="bodySchema")

    assert report.problems == []
    assert schema is not None
    validator = compile_schema(schema)
    assert validator.problems({"name": "a"}) == []
    assert validator.problems({}) == [("name", "is required")]


@pytest.mark.parametrize(
    "given", [list[PydanticOrder], list[StructOrder]], ids=["pydantic", "struct"]
)
def test_a_list_of_models_is_a_schema(given: object) -> None:
    schema = read_schema(given, Report("steps/a_step.py"), field="input")

    assert schema is not None
    assert compile_schema(schema).problems([{}]) == [("0.name", "is required")]


@pytest.mark.parametrize("given", [5, "x", [1], Untold(), {"default": {1: object()}}, Report])
def test_what_is_no_schema_warns_and_is_not_enforced(given: object) -> None:
    report = Report("steps/a_step.py")

    assert read_schema(given, report, field="input") is None
    assert [(each.severity, each.field) for each in report.problems] == [("warning", "input")]


def test_without_pydantic_a_foreign_type_warns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "pydantic")
    report = Report("steps/a_step.py")

    assert read_schema(list[Report], report, field="input") is None
    assert len(report.problems) == 1


def test_the_schema_is_a_copy_with_json_s_types() -> None:
    given = {"enum": ("a",), "default": datetime.date(2026, 1, 1)}

    schema = read_schema(given, Report("steps/a_step.py"), field="input")

    assert schema == {"enum": ["a"], "default": "2026-01-01"}


def test_an_object_without_a_word_of_json_schema_warns_and_allows_all() -> None:
    report = Report("steps/a_step.py")

    schema = read_schema({"key": {"type": "string"}}, report, field="input")

    assert schema is not None
    assert compile_schema(schema).problems({"key": 1}) == []
    assert [each.severity for each in report.problems] == ["warning"]


@pytest.mark.parametrize(
    "schema",
    [{"minProperties": 1}, {"maxItems": 3}, {"exclusiveMinimum": 0}, {"additionalProperties": {}}],
)
def test_a_schema_of_one_rare_word_is_a_schema(schema: dict[str, Any]) -> None:
    report = Report("steps/a_step.py")

    assert read_schema(schema, report, field="input") == schema
    assert report.problems == []
