"""Translate a raw config into a Step or a Stream, and say what is wrong with it.

Lenient where there is a sensible answer (a warning), strict where there is none (an error).

Source: Motia 0.17's config schema, which rejects a step for any unknown key; here that warns.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

import msgspec

from motia_actors.steps.config import Emit, Kind, Step, Stream
from motia_actors.steps.fields import Fields, shown
from motia_actors.steps.infrastructure import read_infrastructure
from motia_actors.steps.report import Report
from motia_actors.steps.schema_forms import read_schema
from motia_actors.steps.triggers import (
    HINTS,
    KEYS,
    OF_TRIGGERS,
    read_kind,
    read_own,
    read_triggers,
)

COMMON = (
    "name",
    "description",
    "flows",
    "emits",
    "virtualEmits",
    "virtualSubscribes",
    "includeFiles",
    "infrastructure",
)
SLIPS = {
    "timezone": "write infrastructure: {cron: {timezone}}",
    "timeout": "write infrastructure: {handler: {timeout}}",
    "retries": "write infrastructure: {queue: {maxRetries}}",
    "maxRetries": "write infrastructure: {queue: {maxRetries}}",
    "concurrency": "write infrastructure: {concurrency}",
}


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
    has_triggers = fields.has("triggers")
    kind = None if has_triggers else read_kind(fields, report)
    if kind is None and not has_triggers:
        return None
    _check_known(fields, kind)
    infrastructure, cron_policy = read_infrastructure(fields, report, kinds=_kinds(fields))
    if kind != "noop" and not has_handler:
        report.error("handler", "is missing", "export a function named handler")
    zone = cron_policy.timezone or timezone
    own: Mapping[str, Any] = {}
    triggers: Sequence[Mapping[str, Any]] = ()
    if kind is None:
        triggers = read_triggers(fields, report, timezone=zone)
    else:
        own = read_own(kind, fields, report, timezone=zone)
    step = Step(
        id=report.file,
        kind=kind or "multi",
        name=_name(fields, report),
        description=_description(fields, report),
        flows=fields.texts("flows"),
        emits=_emits(fields, report, "emits"),
        virtual_emits=_emits(fields, report, "virtualEmits"),
        virtual_subscribes=fields.texts("virtualSubscribes"),
        infrastructure=infrastructure,
        has_handler=has_handler,
        cron_policy=cron_policy,
        **own,
    )
    return None if report.has_error() else _with(step, triggers)


def _with(step: Step, triggers: Sequence[Mapping[str, Any]]) -> Step:
    """The step with its triggers, if it has such."""
    if not triggers:
        return step
    return msgspec.structs.replace(
        step,
        triggers=tuple(msgspec.structs.replace(step, **one) for one in triggers),
        subscribes=tuple(topic for one in triggers for topic in one.get("subscribes", ())),
        cron="".join(one.get("cron", "") for one in triggers),
    )


def _check_known(fields: Fields, kind: Kind | None) -> None:
    """Warn of keys that a step of the kind has not; None: one with triggers."""
    if kind is None:
        fields.check_known(("triggers", "middleware", "type", *OF_TRIGGERS, *COMMON), hints=SLIPS)
        return
    middleware = ("middleware",) if kind == "api" else ()
    hints = HINTS[kind] if kind == "noop" else {**SLIPS, **HINTS[kind]}
    fields.check_known(("type", *KEYS[kind], *middleware, *COMMON), hints=hints)


def _kinds(fields: Fields) -> set[object]:
    """The types that the config names, whether they are right or not."""
    listed = fields.get("triggers")
    triggers = listed if isinstance(listed, list | tuple) else [{"type": fields.get("type")}]
    types = [one.get("type") for one in triggers if isinstance(one, Mapping)]
    return {one for one in types if isinstance(one, str)}


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
