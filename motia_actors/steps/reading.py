"""Translate a raw config into a Step or a Stream, and say what is wrong with it.

Lenient where there is a sensible answer (a warning), strict where there is none (an error).

Source: Motia 0.17's config schema, which rejects a step for any unknown key; here that warns.
"""

from __future__ import annotations

import re
import typing
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from motia_actors.errors import ConfigError
from motia_actors.steps.config import Emit, Kind, Step, Stream
from motia_actors.steps.fields import Fields, close_to, shown
from motia_actors.steps.infrastructure import read_infrastructure
from motia_actors.steps.report import Report
from motia_actors.steps.schedule import Schedule, zone_of
from motia_actors.steps.schema_forms import read_schema

METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD")
KINDS: tuple[Kind, ...] = typing.get_args(Kind)

COMMON = (
    "type",
    "name",
    "description",
    "flows",
    "emits",
    "virtualEmits",
    "virtualSubscribes",
    "includeFiles",
    "infrastructure",
)
KEYS: Mapping[Kind, tuple[str, ...]] = {
    "api": (
        *COMMON,
        "path",
        "method",
        "queryParams",
        "bodySchema",
        "responseSchema",
        "middleware",
    ),
    "event": (*COMMON, "subscribes", "input"),
    "cron": (*COMMON, "cron"),
    "noop": COMMON,
}
SLIPS = {
    "timezone": "write infrastructure: {cron: {timezone}}",
    "timeout": "write infrastructure: {handler: {timeout}}",
    "retries": "write infrastructure: {queue: {maxRetries}}",
    "maxRetries": "write infrastructure: {queue: {maxRetries}}",
    "concurrency": "write infrastructure: {concurrency}",
}
HINTS: Mapping[Kind, Mapping[str, str]] = {
    "api": {
        **SLIPS,
        "query": "write queryParams",
        "input": "write bodySchema",
        "inputSchema": "write bodySchema",
        "body": "write bodySchema",
        "schema": "write bodySchema",
        "subscribes": 'write type: "event" for a step that takes events',
    },
    "event": {
        **SLIPS,
        "inputSchema": "write input",
        "bodySchema": "write input",
        "schema": "write input",
        "topic": "write subscribes",
        "topics": "write subscribes",
    },
    "cron": {**SLIPS, "schedule": "write cron", "expression": "write cron"},
    "noop": {"subscribes": "write virtualSubscribes"},
}
STATUS = re.compile(r"[1-5](\d\d|XX)|default")


def read_step(
    config: Mapping[str, Any], report: Report, *, has_handler: bool, timezone: str | None = None
) -> Step | None:
    """Read one step's config; None where an error keeps the step from running.

    Args:
        config: What the file exports.
        report: Takes the problems; its file becomes the step's id.
        has_handler: The file exports a handler.
        timezone: For cron steps that name none; None is the machine's own.
    """
    fields = Fields(config, report)
    kind = _kind(fields, report)
    if kind is None:
        return None
    fields.check_known(KEYS[kind], hints=HINTS[kind])
    infrastructure, cron_policy = read_infrastructure(fields, report)
    if kind != "noop" and not has_handler:
        report.error("handler", "is missing", "export a function named handler")
    own: dict[str, Any] = {}
    match kind:
        case "api":
            own = _api(fields, report)
        case "event":
            own = {
                "subscribes": _subscribes(fields, report),
                "input_schema": read_schema(fields.get("input"), report, field="input"),
            }
        case "cron":
            zone = cron_policy.timezone or timezone
            own = {"cron": _cron(fields, report, timezone=zone), "cron_policy": cron_policy}
        case "noop":
            pass
    step = Step(
        id=report.file,
        kind=kind,
        name=_name(fields, report),
        description=_description(fields, report),
        flows=fields.texts("flows"),
        emits=_emits(fields, report, "emits"),
        virtual_emits=_emits(fields, report, "virtualEmits"),
        virtual_subscribes=fields.texts("virtualSubscribes"),
        infrastructure=infrastructure,
        has_handler=has_handler,
        **own,
    )
    return None if report.has_error() else step


def read_stream(config: Mapping[str, Any], report: Report) -> Stream | None:
    """Read one stream's config; None where an error keeps it from being used."""
    fields = Fields(config, report)
    fields.check_known(
        ("name", "schema", "baseConfig", "canAccess", "description", "__motia_hasCanAccess")
    )
    storage = fields.inner("baseConfig").get("storageType")
    if storage not in (None, "default"):
        report.warn(
            "baseConfig.storageType",
            f"is {shown(storage)}; the stream is kept in the project's store like all others",
            'write "default"',
        )
    access = fields.get("canAccess")
    if access is not None and not callable(access):
        # Ignoring it would open to everybody what was meant to be guarded.
        report.error("canAccess", f"is {shown(access)}, not a function", "give it a function")
    stream = Stream(
        id=report.file,
        name=_name(fields, report),
        schema=read_schema(fields.get("schema"), report, field="schema"),
        has_can_access=callable(access) or fields.get("__motia_hasCanAccess") is True,
    )
    return None if report.has_error() else stream


def _kind(fields: Fields, report: Report) -> Kind | None:
    value = fields.get("type")
    for kind in KINDS:
        if value == kind:
            return kind
    listed = ", ".join(KINDS)
    guess = close_to(value, KINDS) if isinstance(value, str) else None
    reason = "is missing" if value is None else f"is {shown(value)}"
    report.error("type", reason, f'write "{guess}"' if guess else f"write one of {listed}")
    return None


def _name(fields: Fields, report: Report) -> str:
    name = fields.text("name")
    if name is None and not fields.has("name"):
        stem = PurePosixPath(report.file).stem
        name = re.sub(r"[._](step|stream)$", "", stem)
        report.warn("name", "is missing", f'write name: "{name}", which is taken from the file')
    return name or ""


def _description(fields: Fields, report: Report) -> str | None:
    value = fields.get("description")
    if value is None or isinstance(value, str):
        return value
    report.warn("description", f"is {shown(value)}, not a text", 'write description: "..."')
    return str(value)


def _emits(fields: Fields, report: Report, key: str) -> tuple[Emit, ...]:
    value = fields.get(key)
    if value is None or isinstance(value, str):
        return tuple(Emit(topic=topic) for topic in fields.texts(key))
    if not isinstance(value, list | tuple):
        report.error(key, f"is {shown(value)}, not a list", f'write {key}: ["topic"]')
        return ()
    found = [_emit(item, report, f"{key}.{index}") for index, item in enumerate(value)]
    return tuple(emit for emit in found if emit is not None)


def _emit(item: object, report: Report, field: str) -> Emit | None:
    if isinstance(item, str) and item:
        return Emit(topic=item)
    if isinstance(item, Mapping) and item.get("topic") is not None:
        fields = Fields(item, report, prefix=f"{field}.")
        fields.check_known(("topic", "label", "conditional"))
        topic = fields.text("topic")
        label, is_conditional = fields.text("label"), fields.flag("conditional", default=False)
        return Emit(topic=topic, label=label, is_conditional=is_conditional) if topic else None
    report.error(field, f"is {shown(item)}", 'write a topic, or {"topic": "...", "label": "..."}')
    return None


def _subscribes(fields: Fields, report: Report) -> tuple[str, ...]:
    topics = fields.texts("subscribes")
    if not fields.has("subscribes"):
        report.error("subscribes", "is missing", 'write subscribes: ["topic"]')
    elif topics == () and not report.has_error():
        report.warn("subscribes", "is empty, so the step never runs", 'write ["topic"]')
    return topics


def _api(fields: Fields, report: Report) -> dict[str, Any]:
    return {
        "method": _method(fields, report),
        "path": _path(fields, report),
        "query_params": _query_params(fields, report),
        "body_schema": read_schema(fields.get("bodySchema"), report, field="bodySchema"),
        "response_schema": _responses(fields, report),
    }


def _method(fields: Fields, report: Report) -> str:
    value = fields.text("method")
    if value is None:
        if not fields.has("method"):
            report.error("method", "is missing", 'write method: "GET" or another of HTTP')
        return ""
    method = value.strip().upper()
    if method not in METHODS:
        report.error("method", f"is {shown(value)}", f"write one of {', '.join(METHODS)}")
    elif method != value:
        report.warn("method", f"is {shown(value)}", f'write "{method}"')
    return method


def _path(fields: Fields, report: Report) -> str:
    value = fields.text("path")
    if value is None:
        if not fields.has("path"):
            report.error("path", "is missing", 'write path: "/orders/:id"')
        return ""
    path = value.strip()
    path = path if path.startswith("/") else f"/{path}"
    if path != value:
        report.warn("path", f"is {shown(value)}, which does not start with /", f'write "{path}"')
    return path


def _query_params(fields: Fields, report: Report) -> tuple[tuple[str, str], ...]:
    value = fields.get("queryParams")
    if isinstance(value, Mapping):
        example = 'write [{"name": "...", "description": "..."}]'
        report.warn("queryParams", "is an object, not a list", example)
        value = [{"name": name, "description": text} for name, text in value.items()]
    if value is not None and not isinstance(value, list | tuple):
        report.error("queryParams", f"is {shown(value)}, not a list", 'write ["page", "limit"]')
        return ()
    found: list[tuple[str, str]] = []
    for index, item in enumerate(value or ()):
        named = item if isinstance(item, Mapping) else {"name": item}
        name, text = named.get("name"), named.get("description")
        if isinstance(name, str) and name:
            found.append((name, text if isinstance(text, str) else ""))
        else:
            report.warn(
                f"queryParams.{index}",
                f"is {shown(item)}, without a name",
                'write "page" or {"name": "page", "description": "..."}',
            )
    return tuple(found)


def _responses(fields: Fields, report: Report) -> dict[str, Mapping[str, Any]]:
    value = fields.get("responseSchema")
    if value is not None and not isinstance(value, Mapping):
        report.warn(
            "responseSchema",
            f"is {shown(value)}, not an object",
            "write {200: schema, 404: schema}",
        )
        return {}
    found: dict[str, Mapping[str, Any]] = {}
    for key, item in (value or {}).items():
        field = f"responseSchema.{key}"
        if not STATUS.fullmatch(str(key)):
            report.warn(field, "is no HTTP status", "write {200: schema, 404: schema}")
            continue
        found[str(key)] = read_schema(item, report, field=field) or {}
    return found


def _cron(fields: Fields, report: Report, *, timezone: str | None) -> str:
    expression = fields.text("cron")
    if expression is None:
        if not fields.has("cron"):
            report.error("cron", "is missing", 'write cron: "0 9 * * 1-5"')
        return ""
    try:
        Schedule(expression, zone_of(timezone))
    except ConfigError as error:
        report.error(error.field, error.reason, error.way_out)
    return expression.strip()
