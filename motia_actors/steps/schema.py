"""Check values against JSON Schema, and say which field is wrong and why.

Drafts 4 to 2020-12; `$schema` chooses, and without it 2020-12 unless only an older draft can
read the schema. A `$ref` reaches inside its schema only: nothing is ever fetched, neither from
the network nor from a file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, time
from typing import Any

import jsonschema_rs

from motia_actors.errors import ConfigError

PROBLEMS_MAX = 50
REASON_LENGTH_MAX = 200

Problems = list[tuple[str, str]]


class Validator:
    """One compiled schema. Any thread may use it."""

    def __init__(self, compiled: jsonschema_rs.Validator) -> None:
        self._compiled = compiled

    def problems(self, value: object) -> Problems:
        """What is wrong with value, as (dotted field, reason); empty where it fits.

        At most PROBLEMS_MAX. A value that JSON cannot hold is one problem of the whole.
        """
        try:
            if self._compiled.is_valid(value):
                return []
            found: Problems = []
            for error in self._compiled.iter_errors(value):
                found.extend(_explained(error))
                if len(found) >= PROBLEMS_MAX:
                    break
        except ValueError as error:
            return [("", f"cannot be checked: {error}"[:REASON_LENGTH_MAX])]
        return found[:PROBLEMS_MAX]


def compile_schema(schema: Mapping[str, Any]) -> Validator:
    """Make a validator of a JSON Schema.

    Raises:
        ConfigError: it is no valid schema, or refers outside itself.
    """
    plain = dict(schema)
    first: ValueError | None = None
    for cls in _drafts(plain):
        try:
            return Validator(cls(plain, validate_formats=True, formats=FORMATS, offline=True))
        except (ValueError, RecursionError, jsonschema_rs.ReferencingError) as error:
            first = first or ValueError(_first_line(error))
    assert first is not None
    way_out = "write valid JSON Schema"
    if "retriev" in str(first):
        way_out = "schemas are never fetched: copy what it refers to under $defs"
    raise ConfigError("", f"does not compile as JSON Schema: {first}", way_out=way_out) from first


def _drafts(schema: dict[str, Any]) -> list[type[Any]]:
    if "$schema" in schema:
        try:
            return [jsonschema_rs.validator_cls_for(schema)]
        except (ValueError, TypeError, jsonschema_rs.ReferencingError):
            # A draft that nobody has; fetching its meta-schema is out of the question.
            del schema["$schema"]
    return [
        jsonschema_rs.Draft202012Validator,
        jsonschema_rs.Draft7Validator,
        jsonschema_rs.Draft4Validator,
    ]


def _explained(error: jsonschema_rs.ValidationError) -> Iterator[tuple[str, str]]:
    path = [str(part) for part in error.instance_path]
    facts = error.kind.as_dict()
    match error.kind.name:
        case "required":
            yield ".".join([*path, str(facts["property"])]), "is required"
        case "additionalProperties" | "unevaluatedProperties":
            for name in facts["unexpected"]:
                yield ".".join([*path, name]), "is not allowed"
        case "type":
            yield ".".join(path), f"must be {' or '.join(facts['types'])}"
        case "anyOf" | "oneOfNotValid" | "oneOf" if facts.get("context"):
            yield ".".join(path), _alternatives(facts["context"], depth=len(path))
        case _:
            yield ".".join(path), _first_line(error)


def _alternatives(branches: list[list[jsonschema_rs.ValidationError]], *, depth: int) -> str:
    reasons: dict[str, None] = {}
    for errors in branches:
        for error in errors[:1]:
            field, reason = next(_explained(error), ("", _first_line(error)))
            inner = ".".join(field.split(".")[depth:])
            reasons[f"{inner} {reason}".strip()] = None
    return " or ".join(reasons).replace(" or must be ", " or ")[:REASON_LENGTH_MAX]


def _first_line(error: BaseException) -> str:
    text = getattr(error, "message", None) or str(error) or type(error).__name__
    return str(text).partition("\n")[0][:REASON_LENGTH_MAX]


def _is_datetime(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return "T" in text.upper() or " " in text


def _is_time(text: str) -> bool:
    try:
        time.fromisoformat(text)
    except ValueError:
        return False
    return True


# Python's own models give and take times without an offset, which RFC 3339 forbids.
FORMATS = {"date-time": _is_datetime, "time": _is_time}
