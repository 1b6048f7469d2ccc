"""Read what runs a step: its `type` with that type's keys, or a list of `triggers`.

Source: Motia 0.17's config schema for the former; Motia 1.0's `triggers` for the latter.
"""

from __future__ import annotations

import re
import typing
from collections.abc import Mapping, Sequence
from typing import Any

from motia_actors.errors import ConfigError
from motia_actors.steps.config import CRON_TOPIC, Kind
from motia_actors.steps.fields import Fields, close_to, shown
from motia_actors.steps.report import Report
from motia_actors.steps.schedule import Schedule, zone_of
from motia_actors.steps.schema_forms import read_schema

METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD")
KINDS: tuple[Kind, ...] = typing.get_args(Kind)
TRIGGERS: tuple[Kind, ...] = ("api", "event", "cron")
TRIGGERS_MAX = 100
LISTED = ", ".join(METHODS)

KEYS: Mapping[Kind, tuple[str, ...]] = {
    "api": ("path", "method", "queryParams", "bodySchema", "responseSchema"),
    "event": ("subscribes", "input"),
    "cron": ("cron",),
    "noop": (),
}
HINTS: Mapping[Kind, Mapping[str, str]] = {
    "api": {
        "query": "write queryParams",
        "input": "write bodySchema",
        "inputSchema": "write bodySchema",
        "body": "write bodySchema",
        "schema": "write bodySchema",
        "subscribes": 'write type: "event" for a step that takes events',
    },
    "event": {
        "inputSchema": "write input",
        "bodySchema": "write input",
        "schema": "write input",
        "topic": "write subscribes",
        "topics": "write subscribes",
    },
    "cron": {"schedule": "write cron", "expression": "write cron"},
    "noop": {"subscribes": "write virtualSubscribes"},
}
OF_TRIGGERS = tuple(key for kind in TRIGGERS for key in KEYS[kind])
MEANT: Mapping[str, Kind] = {"http": "api", "queue": "event", "schedule": "cron"}
"""What others call them."""
STEP_KEYS = ("name", "description", "flows", "emits", "infrastructure", "middleware")
"""Of the step, whatever triggers it."""
STATUS = re.compile(r"[1-5](\d\d|XX)|default")


def read_triggers(
    fields: Fields, report: Report, *, timezone: str | None
) -> tuple[dict[str, Any], ...]:
    """Read the list `triggers`: of each its kind, its index, and its part of a Step."""
    value = fields.get("triggers")
    if fields.has("type"):
        report.error("type", "stands beside triggers", "keep one of the two")
    for key in filter(fields.has, OF_TRIGGERS):
        report.error(key, "stands beside triggers", "write it in the trigger that it is of")
    if not isinstance(value, list | tuple) or not 1 <= len(value) <= TRIGGERS_MAX:
        report.error(
            "triggers",
            f"is {shown(value)}, not a list of 1 to {TRIGGERS_MAX}",
            'write triggers: [{type: "event", subscribes: ["topic"]}]',
        )
        return ()
    found = []
    for index, item in enumerate(value):
        if not isinstance(item, Mapping):
            report.error(f"triggers.{index}", f"is {shown(item)}", 'write {type: "api", ...}')
            continue
        inner = Fields(item, report, prefix=f"triggers.{index}.")
        kind = read_kind(inner, report, TRIGGERS)
        if kind is None:
            continue
        inner.check_known(("type", *KEYS[kind], *STEP_KEYS), hints=HINTS[kind])
        for key in filter(inner.has, STEP_KEYS):
            # Ignored, middleware would leave open what it was meant to guard.
            report.error(inner.name(key), "is of the step", f"write {key} beside triggers")
        own = read_own(kind, inner, report, timezone=timezone)
        found.append({"kind": kind, "index": index, **own})
    _check_together(found, report)
    return tuple(found)


def _check_together(found: Sequence[Mapping[str, Any]], report: Report) -> None:
    """Refuse triggers that would be in each other's way."""
    seen: dict[object, int] = {}
    for one in found:
        index = one["index"]
        claims: Mapping[object, tuple[str, str]] = {}
        match one["kind"]:
            case "api":
                claims = {(one["method"], one["path"]): ("path", "has the method and path")}
            case "event":
                claims = {topic: ("subscribes", f"has {topic!r}") for topic in one["subscribes"]}
            case "cron":
                claims = {None: ("cron", "is a second schedule beside that")}
        for claim, (key, what) in claims.items():
            first = seen.setdefault(claim, index)
            if first != index:
                way_out = "write another step" if key == "cron" else "remove one"
                report.error(f"triggers.{index}.{key}", f"{what} of triggers.{first}", way_out)
            if claim == CRON_TOPIC:
                reason = f"has {CRON_TOPIC!r}, the topic of schedules"
                report.error(f"triggers.{index}.{key}", reason, "choose another topic")


def read_own(kind: Kind, fields: Fields, report: Report, *, timezone: str | None) -> dict[str, Any]:
    """Read what only steps of the kind have, as fields of a Step."""
    match kind:
        case "api":
            return _api(fields, report)
        case "event":
            return {
                "subscribes": _subscribes(fields, report),
                "input_schema": _schema(fields, report, "input"),
            }
        case "cron":
            return {"cron": _cron(fields, report, timezone=timezone)}
        case "noop":
            return {}


def read_kind(fields: Fields, report: Report, kinds: Sequence[Kind] = KINDS) -> Kind | None:
    """Read `type`; None, and an error, where it is none of kinds."""
    value = fields.get("type")
    for kind in kinds:
        if value == kind:
            return kind
    listed = ", ".join(kinds)
    guess = None
    if isinstance(value, str):
        guess = MEANT.get(value.lower()) or close_to(value, kinds)
    reason = "is missing" if value is None else f"is {shown(value)}"
    way_out = f'write "{guess}"' if guess else f"write one of {listed}"
    report.error(fields.name("type"), reason, way_out)
    return None


def _schema(fields: Fields, report: Report, key: str) -> Mapping[str, Any] | None:
    return read_schema(fields.get(key), report, field=fields.name(key))


def _subscribes(fields: Fields, report: Report) -> tuple[str, ...]:
    topics = fields.texts("subscribes")
    if not fields.has("subscribes"):
        report.error(fields.name("subscribes"), "is missing", 'write subscribes: ["topic"]')
    elif topics == () and not report.has_error():
        report.warn(
            fields.name("subscribes"), "is empty, so the step never runs", 'write ["topic"]'
        )
    return topics


def _api(fields: Fields, report: Report) -> dict[str, Any]:
    return {
        "method": _method(fields, report),
        "path": _path(fields, report),
        "query_params": _query_params(fields, report),
        "body_schema": _schema(fields, report, "bodySchema"),
        "response_schema": _responses(fields, report),
    }


def _method(fields: Fields, report: Report) -> str:
    value = fields.text("method")
    if value is None:
        if not fields.has("method"):
            report.error(
                fields.name("method"), "is missing", 'write method: "GET" or another of HTTP'
            )
        return ""
    method = value.strip().upper()
    if method not in METHODS:
        report.error(fields.name("method"), f"is {shown(value)}", f"write one of {LISTED}")
    elif method != value:
        report.warn(fields.name("method"), f"is {shown(value)}", f'write "{method}"')
    return method


def _path(fields: Fields, report: Report) -> str:
    value = fields.text("path")
    if value is None:
        if not fields.has("path"):
            report.error(fields.name("path"), "is missing", 'write path: "/orders/:id"')
        return ""
    path = value.strip()
    path = path if path.startswith("/") else f"/{path}"
    if path != value:
        report.warn(
            fields.name("path"),
            f"is {shown(value)}, which does not start with /",
            f'write "{path}"',
        )
    return path


def _query_params(fields: Fields, report: Report) -> tuple[tuple[str, str], ...]:
    value = fields.get("queryParams")
    if isinstance(value, Mapping):
        example = 'write [{"name": "...", "description": "..."}]'
        report.warn(fields.name("queryParams"), "is an object, not a list", example)
        value = [{"name": name, "description": text} for name, text in value.items()]
    if value is not None and not isinstance(value, list | tuple):
        report.error(
            fields.name("queryParams"), f"is {shown(value)}, not a list", 'write ["page", "limit"]'
        )
        return ()
    found: list[tuple[str, str]] = []
    for index, item in enumerate(value or ()):
        named = item if isinstance(item, Mapping) else {"name": item}
        name, text = named.get("name"), named.get("description")
        if isinstance(name, str) and name:
            found.append((name, text if isinstance(text, str) else ""))
        else:
            report.warn(
                fields.name(f"queryParams.{index}"),
                f"is {shown(item)}, without a name",
                'write "page" or {"name": "page", "description": "..."}',
            )
    return tuple(found)


def _responses(fields: Fields, report: Report) -> dict[str, Mapping[str, Any]]:
    value = fields.get("responseSchema")
    if value is not None and not isinstance(value, Mapping):
        report.warn(
            fields.name("responseSchema"),
            f"is {shown(value)}, not an object",
            "write {200: schema, 404: schema}",
        )
        return {}
    found: dict[str, Mapping[str, Any]] = {}
    for key, item in (value or {}).items():
        field = fields.name(f"responseSchema.{key}")
        if not STATUS.fullmatch(str(key)):
            report.warn(field, "is no HTTP status", "write {200: schema, 404: schema}")
            continue
        found[str(key)] = read_schema(item, report, field=field) or {}
    return found


def _cron(fields: Fields, report: Report, *, timezone: str | None) -> str:
    expression = fields.text("cron")
    if expression is None:
        if not fields.has("cron"):
            report.error(fields.name("cron"), "is missing", 'write cron: "0 9 * * 1-5"')
        return ""
    try:
        Schedule(expression, zone_of(timezone))
    except ConfigError as error:
        field = fields.name("cron") if error.field == "cron" else error.field
        report.error(field, error.reason, error.way_out)
    return expression.strip()
