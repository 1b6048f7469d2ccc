"""Describe the project's api steps as an OpenAPI 3.1 document.

Pure: steps in, plain values out. What a step says of itself stands there, with the answers that the
runtime gives in its place: a 400 for a body that breaks its schema, a 503 when it is full.

Source: https://spec.openapis.org/oas/v3.1.0
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from motia_actors.errors import ConfigError
from motia_actors.steps.config import Step
from motia_actors.steps.files import with_files
from motia_actors.steps.openapi_paths import templates_of
from motia_actors.steps.openapi_schemas import example_of, modern, with_refs_below
from motia_actors.steps.schema import compile_schema

JSON = "application/json"
FORM = "multipart/form-data"
OCTETS = "application/octet-stream"
BODY_METHODS = ("POST", "PUT", "PATCH", "DELETE")
DESCRIBED_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

ANY_BODY = {"type": ["object", "array"]}
"""JSON of another kind is refused before a step sees it."""
ERROR_SCHEMA = {
    "type": "object",
    "properties": {
        "error": {"type": "string", "description": "What is wrong"},
        "details": {
            "type": "array",
            "description": "Each field of the body that breaks its schema",
            "items": {
                "type": "object",
                "properties": {"path": {"type": "string"}, "message": {"type": "string"}},
                "required": ["path", "message"],
            },
        },
    },
    "required": ["error"],
}
# What the runtime answers in the place of a step, and when.
ERRORS = {
    400: ("The request is malformed, or its body breaks the schema", "Invalid request body"),
    413: ("The body is over the limit", "Body is over the limit"),
    415: ("The body's coding is not known", "Unsupported content encoding"),
    429: ("The client asked more often than its limit allows", "Too many requests"),
    431: ("The headers are too many", "Too many headers"),
    500: ("The step failed", "Internal server error"),
    503: ("There is no room for the request now", "The server cannot take the request now"),
    504: ("The step did not answer in time", "The step did not answer in time"),
}
_NOT_A_NAME = re.compile(r"[^A-Za-z0-9._-]+")


def document(steps: Iterable[Step], *, title: str, version: str = "1.0.0") -> dict[str, Any]:
    """The document; where two steps answer the same, the first is described, as it is asked.

    A step whose path cannot be said as a template is named in `x-motia-undescribed`.
    """
    schemas: dict[str, Any] = {"Error": ERROR_SCHEMA}
    paths: dict[str, dict[str, Any]] = {}
    undescribed = []
    names: set[str] = set()
    for step in (binding for one in steps for binding in one.bindings):
        if step.kind != "api":
            continue
        found = templates_of(step.path) if step.method in DESCRIBED_METHODS else ()
        if not found:
            undescribed.append(f"{step.method} {step.path} ({step.id})")
        for template in found:
            operations = paths.setdefault(template.path, {})
            if step.method.lower() not in operations and not _is_taken(paths, template.path):
                name = _unique(step.name, names)
                operation = _operation(step, name, schemas)
                operation["parameters"] = [*template.parameters, *operation["parameters"]]
                operations[step.method.lower()] = operation
    described: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": title or "motia_actors", "version": version},
        "servers": [{"url": "/"}],
        "paths": {path: operations for path, operations in paths.items() if operations},
        "components": {"schemas": schemas, "responses": _error_responses()},
    }
    if undescribed:
        described["x-motia-undescribed"] = undescribed
    return described


def _is_taken(paths: Mapping[str, Any], path: str) -> bool:
    """Another template matches the same paths under other names, which OpenAPI forbids."""
    shape = re.sub(r"\{[^}]*\}", "{}", path)
    return any(
        known != path and operations and re.sub(r"\{[^}]*\}", "{}", known) == shape
        for known, operations in paths.items()
    )


def _operation(step: Step, name: str, schemas: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": name,
        "summary": step.name,
        "parameters": [
            {"name": query, "in": "query", "description": about, "schema": {"type": "string"}}
            for query, about in dict(step.query_params).items()
        ],
        "responses": _responses(step, name, schemas),
    }
    if step.description:
        operation["description"] = step.description
    if step.flows:
        operation["tags"] = list(step.flows)
    if step.body_schema is not None:
        content = _content(step.body_schema, f"{name}Body", schemas)
        is_form = with_files(step.body_schema) is not step.body_schema
        kind = FORM if is_form else JSON
        operation["requestBody"] = {"required": True, "content": {kind: content}}
    elif step.method in BODY_METHODS:
        operation["requestBody"] = {"content": {JSON: {"schema": ANY_BODY}}}
    return operation


def _responses(step: Step, name: str, schemas: dict[str, Any]) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for status, schema in step.response_schema.items():
        known = "default" if status == "default" else status
        content = _content(schema, f"{name}{status}", schemas)
        if status.isdecimal() and int(status) in ERRORS:
            either = [content["schema"], {"$ref": "#/components/schemas/Error"}]
            content = {**content, "schema": {"anyOf": either}}
        is_binary = schema.get("type") == "string" and schema.get("format") == "binary"
        kind = OCTETS if is_binary else JSON
        responses[known] = {"description": _phrase(status), "content": {kind: content}}
    for error in ERRORS:
        if error == 429 and step.infrastructure.rate is None:
            continue
        responses.setdefault(str(error), {"$ref": f"#/components/responses/Error{error}"})
    if not step.response_schema:
        responses["default"] = {"description": "What the step answers"}
    return responses


def _content(schema: Mapping[str, Any], name: str, schemas: dict[str, Any]) -> dict[str, Any]:
    plain = modern(schema)
    schemas[name] = with_refs_below(plain, f"#/components/schemas/{name}")
    content: dict[str, Any] = {"schema": {"$ref": f"#/components/schemas/{name}"}}
    example = example_of(plain)
    try:
        if not compile_schema(schema).problems(example):
            content["example"] = example
    except ConfigError:
        pass  # It cannot be enforced either, and was reported where it was read.
    return content


def _error_responses() -> dict[str, Any]:
    return {
        f"Error{status}": {
            "description": about,
            "content": {
                JSON: {
                    "schema": {"$ref": "#/components/schemas/Error"},
                    "example": {"error": text},
                }
            },
        }
        for status, (about, text) in ERRORS.items()
    }


def _phrase(status: str) -> str:
    try:
        return HTTPStatus(int(status)).phrase
    except ValueError:
        return f"Answer {status}"


def _unique(name: str, names: set[str]) -> str:
    plain = _NOT_A_NAME.sub("_", name).strip("_") or "step"
    found = next(one for one in _numbered(plain, len(names)) if one not in names)
    names.add(found)
    return found


def _numbered(plain: str, count: int) -> Sequence[str]:
    return [plain, *(f"{plain}_{number}" for number in range(2, count + 3))]
