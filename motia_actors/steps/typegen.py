"""What generated types are made of, whatever language they are written in: pure functions.

The data of a topic satisfies the `input` schemas of all its subscribers.

Source: Motia 0.17 `generate-types`. Two of its rules are wider here: an `integer` is a number and
not unknown, and data that no subscriber has a schema for is unknown and not never.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from motia_actors.steps.catalog import Catalog
from motia_actors.steps.config import Step

Schema = Mapping[str, Any]
DEPTH_MAX = 12
"""Schemas that refer to themselves are unknown from here on."""
_PARAM = re.compile(r"[:*]([A-Za-z_]\w*)")


class EmitType(msgspec.Struct, frozen=True, kw_only=True):
    """An event that a step may emit; `schema` None: any data. A fifo listener wants a group."""

    topic: str
    schema: Schema | None
    needs_group: bool


def emits_of(catalog: Catalog, step: Step) -> list[EmitType]:
    """What step may emit with anybody to hear it, each topic once."""
    found = []
    for topic in dict.fromkeys(emit.topic for emit in step.emits):
        listeners = catalog.subscribers(topic)
        if listeners:
            schemas = [one.input_schema for one in listeners if one.input_schema is not None]
            found.append(
                EmitType(
                    topic=topic,
                    schema=merged(schemas) if schemas else None,
                    needs_group=any(one.infrastructure.queue.is_fifo for one in listeners),
                )
            )
    return found


def path_params(path: str) -> list[str]:
    """The names of a route's parameters, in their order."""
    return list(dict.fromkeys(_PARAM.findall(path)))


def merged(schemas: Sequence[Schema]) -> Schema:
    """A schema of what satisfies all of schemas; objects property by property."""
    whole = dict(resolved(schemas[0]))
    for other in schemas[1:]:
        whole = _both(whole, dict(resolved(other)))
    return whole


def resolved(schema: Schema, root: Schema | None = None, depth: int = 0) -> Schema:
    """The schema with what its local `$ref`s refer to in their place."""
    root = schema if root is None else root
    if depth > DEPTH_MAX:
        return {}
    reference = schema.get("$ref")
    if isinstance(reference, str):
        target = _at(root, reference)
        rest = {key: value for key, value in schema.items() if key != "$ref"}
        return resolved({**target, **rest}, root, depth + 1) if target is not None else rest
    skipped = ("$defs", "definitions", "$schema")
    return {key: _inner(key, value, root, depth) for key, value in schema.items()
            if key not in skipped}  # fmt: skip


def _inner(key: str, value: Any, root: Schema, depth: int) -> Any:
    match value:
        case Mapping() if key in ("properties", "patternProperties"):
            return {
                name: resolved(one, root, depth + 1) if isinstance(one, Mapping) else one
                for name, one in value.items()
            }
        case Mapping() if key in ("items", "additionalProperties", "not"):
            return resolved(value, root, depth + 1)
        case list() if key in ("anyOf", "oneOf", "allOf", "prefixItems", "items"):
            return [
                resolved(one, root, depth + 1) if isinstance(one, Mapping) else one for one in value
            ]
        case _:
            return value


def _at(root: Schema, reference: str) -> Schema | None:
    if not reference.startswith("#"):
        return None
    place: Any = root
    for part in reference.lstrip("#/").split("/") if reference != "#" else []:
        name = part.replace("~1", "/").replace("~0", "~")
        place = place.get(name) if isinstance(place, Mapping) else None
    return place if isinstance(place, Mapping) else None


def _both(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    if one == other or not other:
        return one
    if not one:
        return other
    if _is_object(one) and _is_object(other):
        properties = dict(one.get("properties") or {})
        for name, schema in (other.get("properties") or {}).items():
            mine = properties.get(name)
            properties[name] = schema if mine is None else _both(dict(mine), dict(schema))
        required = dict.fromkeys([*one.get("required", ()), *other.get("required", ())])
        return {**other, **one, "properties": properties, "required": list(required)}
    if one.get("type") == other.get("type") == "array":
        items = [schema.get("items") for schema in (one, other)]
        kept = [item for item in items if isinstance(item, Mapping)]
        return {"type": "array", **({"items": merged(kept)} if kept else {})}
    return {"allOf": [one, other]}


def _is_object(schema: Schema) -> bool:
    return schema.get("type") == "object" and isinstance(schema.get("properties", {}), Mapping)
