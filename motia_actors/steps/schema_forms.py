"""Turn whatever an author gives as a schema into JSON Schema.

JSON Schema itself, pydantic models and TypeAdapters, msgspec structs, dataclasses, TypedDicts
and types such as `list[Order]` are all taken.
"""

from __future__ import annotations

import re
import sys
import typing
from collections.abc import Mapping
from typing import Any

import msgspec

from motia_actors.errors import ConfigError, PayloadError
from motia_actors.payload import decode, encode
from motia_actors.steps.fields import shown
from motia_actors.steps.report import Report
from motia_actors.steps.schema import compile_schema

WAY_OUT = 'write JSON Schema such as {"type": "object", "properties": {...}}, or a model class'

# Without any of these an object is no schema, though it compiles and allows everything.
KEYWORDS = re.compile(
    r"\$\w+|type|enum|const|format|pattern|title|description|default|examples|definitions|items"
    r"|if|not|(any|all|one)Of|required|contains|multipleOf|propertyNames|prefixItems|uniqueItems"
    r"|dependen\w+|(unevaluated|additional)?(Properties|Items)|properties|patternProperties"
    r"|(min|max|exclusiveMin|exclusiveMax)[A-Z]?\w+"
)


def read_schema(value: object, report: Report, *, field: str) -> dict[str, Any] | None:
    """JSON Schema of value; None where there is none, or none that can be enforced."""
    if value is None or (isinstance(value, Mapping) and not value):
        return None
    try:
        schema = _plain(value)
        compile_schema(schema)
    except ConfigError as error:
        report.warn(field, f"{error.reason}; it is not enforced", error.way_out)
        return None
    if not any(KEYWORDS.fullmatch(key) for key in schema):
        report.warn(field, f"is {shown(value)}, without a word of JSON Schema", WAY_OUT)
    return schema


def _plain(value: object) -> dict[str, Any]:
    schema = value if isinstance(value, Mapping) else schema_of(value)
    try:
        # A copy, so that nobody changes it under us, with JSON's types alone.
        copy = decode(encode(schema))
    except PayloadError as error:
        raise ConfigError("", f"cannot be written as JSON: {error}", way_out=WAY_OUT) from error
    assert isinstance(copy, dict)
    return copy


def schema_of(value: object) -> Mapping[str, Any]:
    """JSON Schema of a model or a type. Raises ConfigError where it is none."""
    try:
        for name in ("model_json_schema", "json_schema"):
            make = getattr(value, name, None)
            if callable(make):
                return _checked(make())
        if isinstance(value, type) or typing.get_origin(value) is not None:
            return _of_annotation(value)
    except Exception as error:  # a model's own code may raise anything
        reason = str(error).partition("\n")[0]
        raise ConfigError("", f"gives no schema: {reason}", way_out=WAY_OUT) from error
    raise ConfigError("", f"is {shown(value)}, no schema", way_out=WAY_OUT)


def _of_annotation(value: object) -> Mapping[str, Any]:
    try:
        return msgspec.json.schema(value)
    except TypeError:
        # A type made of pydantic models: whoever has one has imported pydantic.
        pydantic = sys.modules.get("pydantic")
        if pydantic is None:
            raise
        return _checked(pydantic.TypeAdapter(value).json_schema())


def _checked(schema: object) -> Mapping[str, Any]:
    if isinstance(schema, Mapping):
        return schema
    raise TypeError(f"it made {shown(schema)}, not an object")
