"""JSON Schema as OpenAPI 3.1 wants it, and an example of what fits one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DEPTH_MAX = 8
_MAPS = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
_DATA = frozenset({"enum", "const", "default", "example", "examples"})
_TEXTS = {
    "date-time": "2026-01-31T09:30:00Z",
    "date": "2026-01-31",
    "time": "09:30:00Z",
    "email": "ada@example.com",
    "uuid": "3fa85f64-5717-4562-b3fc-2c963f66afa6",
    "uri": "https://example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "hostname": "example.com",
}


def modern(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A schema of draft 4 to 2020-12 as one of 2020-12, which OpenAPI 3.1 has."""
    found: dict[str, Any] = {}
    for key, value in schema.items():
        if key in ("$schema", "$id", "id") and isinstance(value, str):
            continue  # What it refers to is part of it; the document has an address of its own.
        if key in _DATA:
            found[key] = value
        elif key in _MAPS and isinstance(value, Mapping):
            found[key] = {name: _inner(one) for name, one in value.items()}
        else:
            found[key] = _inner(value)
    for bound, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        # Draft 4 had a switch beside the bound.
        if isinstance(found.get(exclusive), bool):
            is_exclusive = found.pop(exclusive)
            if is_exclusive and bound in found:
                found[exclusive] = found.pop(bound)
    if isinstance(found.get("items"), list):
        found["prefixItems"] = found.pop("items")
        if "additionalItems" in found:
            found["items"] = found.pop("additionalItems")
    return found


def _inner(value: Any) -> Any:
    if isinstance(value, Mapping):
        return modern(value)
    return [_inner(one) for one in value] if isinstance(value, list) else value


def with_refs_below(schema: Any, place: str) -> Any:
    """The schema with its references to itself as ones to place, where it will stand."""
    if isinstance(schema, list):
        return [with_refs_below(one, place) for one in schema]
    if not isinstance(schema, Mapping):
        return schema
    found = {}
    for key, value in schema.items():
        if key in ("$ref", "$dynamicRef") and isinstance(value, str) and value.startswith("#"):
            is_pointer = value == "#" or value.startswith("#/")
            found[key] = place + value[1:] if is_pointer else value
        else:
            found[key] = value if key in _DATA else with_refs_below(value, place)
    return found


def example_of(schema: object) -> Any:
    """A value that is likely to fit the schema; whoever shows it looks whether it does."""
    return _example(schema, schema, 0)


def _example(schema: object, root: object, depth: int) -> Any:
    if not isinstance(schema, Mapping) or depth > DEPTH_MAX:
        return None
    if "$ref" in schema:
        return _example(_resolved(str(schema["$ref"]), root), root, depth + 1)
    for key in ("examples", "enum"):
        if isinstance(schema.get(key), list) and schema[key]:
            return schema[key][0]
    for key in ("example", "const", "default"):
        if key in schema:
            return schema[key]
    for key in ("oneOf", "anyOf"):
        if isinstance(schema.get(key), list) and schema[key]:
            return _example(schema[key][0], root, depth + 1)
    if isinstance(schema.get("allOf"), list):
        parts = [_example(one, root, depth + 1) for one in schema["allOf"]]
        merged: dict[str, Any] = {}
        for part in parts:
            merged |= part if isinstance(part, dict) else {}
        return merged | _object(schema, root, depth) if merged else parts[0] if parts else None
    return _of_type(schema, root, depth)


def _of_type(schema: Mapping[str, Any], root: object, depth: int) -> Any:
    kind = schema.get("type", "object" if "properties" in schema else "")
    if isinstance(kind, list):
        kind = next((one for one in kind if one != "null"), "null")
    match kind:
        case "object":
            return _object(schema, root, depth)
        case "array":
            count = max(1, int(schema.get("minItems", 1)))
            first = [_example(one, root, depth + 1) for one in schema.get("prefixItems", ())]
            more = max(0, count - len(first))
            return first + [_example(schema.get("items", {}), root, depth + 1)] * more
        case "string":
            return _text(schema)
        case "integer" | "number":
            return _number(schema, is_whole=kind == "integer")
        case "boolean":
            return True
        case _:
            return None


def _object(schema: Mapping[str, Any], root: object, depth: int) -> dict[str, Any]:
    properties = schema.get("properties", {})
    required = schema.get("required", ())
    # Deep down only what must be there: a tree of optional parts has no end.
    names = properties if depth < DEPTH_MAX // 2 else [one for one in properties if one in required]
    return {name: _example(properties[name], root, depth + 1) for name in names}


def _text(schema: Mapping[str, Any]) -> str:
    known = _TEXTS.get(str(schema.get("format", "")))
    if known is not None:
        return known
    text = "string"
    least, most = int(schema.get("minLength", 0)), schema.get("maxLength")
    text += "x" * max(0, least - len(text))
    return text if most is None else text[: int(most)]


def _number(schema: Mapping[str, Any], *, is_whole: bool) -> float:
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is None and "exclusiveMinimum" in schema:
        low = schema["exclusiveMinimum"] + 1
    if low is None and high is not None:
        low = min(high, 1)
    if low is None and "exclusiveMaximum" in schema:
        low = min(schema["exclusiveMaximum"] - 1, 1)
    found = 1 if low is None else low
    step = schema.get("multipleOf")
    if step:
        found = -(-found // step) * step
    return int(found) if is_whole else found


def _resolved(ref: str, root: object) -> object:
    found = root
    for part in ref.removeprefix("#").split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        found = found.get(name) if isinstance(found, Mapping) else None
    return found
