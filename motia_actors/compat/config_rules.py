"""What the configs of steps and streams mean here that they do not mean under Motia."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from motia_actors.compat.configs import Config, Entry
from motia_actors.compat.finding import Finding
from motia_actors.errors import ConfigError
from motia_actors.steps.schedule import Schedule
from motia_actors.web.routes import METHODS, problem_of

_COMMON = ("type", "name", "description", "flows")
_DRAWN = ("virtualEmits", "virtualSubscribes")
# Motia 0.17's own: another key, or the lack of `emits`, makes it skip the step.
KEYS: Mapping[str, tuple[str, ...]] = {
    "api": (
        *_COMMON,
        *_DRAWN,
        *("emits", "includeFiles", "path", "method", "queryParams"),
        *("bodySchema", "responseSchema", "middleware"),
    ),
    "event": (
        *_COMMON,
        *_DRAWN,
        *("emits", "includeFiles", "subscribes", "input", "infrastructure"),
    ),
    "cron": (*_COMMON, *_DRAWN, "emits", "includeFiles", "cron"),
    "noop": (*_COMMON, *_DRAWN),
}
# Without these a step runs neither here nor there.
_NEEDED: Mapping[str, tuple[str, ...]] = {
    "api": ("path", "method"),
    "event": ("subscribes",),
    "cron": ("cron",),
    "noop": (),
}
_DAYS = re.compile(r"(?P<day>\S+)\s+\S+\s+(?P<weekday>\S+)$")


def of_config(config: Config) -> Iterator[Finding]:
    """The findings of one file's config."""
    if config.what == "stream":
        yield from _of_stream(config)
        return
    keys = config.keys
    kind = keys["type"].text if "type" in keys else None
    if kind is not None and kind in KEYS:
        yield from _strict(config, kind)
    yield from _schemas(config)
    yield from _infrastructure(config)
    if kind == "api":
        yield from _route(config)
    if kind == "cron" and "cron" in keys:
        yield from _cron(config, keys["cron"])


def _of_stream(config: Config) -> Iterator[Finding]:
    schema = config.keys.get("schema")
    if schema is not None and not schema.is_empty:
        yield _at(config, "stream-schema", schema)
    base = config.keys.get("baseConfig")
    storage = base.inner.get("storageType") if base else None
    if storage is not None and storage.text not in (None, "default"):
        yield _at(config, "storage-type", storage, storage.text or "")


def _strict(config: Config, kind: str) -> Iterator[Finding]:
    """What makes Motia skip the step, which here runs."""
    if config.is_whole and not config.keys.keys() >= {*_NEEDED[kind]}:
        return
    for key, entry in config.keys.items():
        if key not in KEYS[kind]:
            yield _at(config, "strict-config", entry, f"key {key!r} of an {kind} step")
    if config.is_whole and kind != "noop" and "emits" not in config.keys:
        yield _at(config, "strict-config", config.keys["type"], "no `emits`")


def _schemas(config: Config) -> Iterator[Finding]:
    for key, rule in (("bodySchema", "body-schema"), ("input", "input-schema")):
        entry = config.keys.get(key)
        if entry is not None and not entry.is_empty and entry.value != {}:
            yield _at(config, rule, entry)


def _infrastructure(config: Config) -> Iterator[Finding]:
    infrastructure = config.keys.get("infrastructure")
    if infrastructure is None:
        return
    queue, handler = (infrastructure.inner.get(key) for key in ("queue", "handler"))
    kind = queue.inner.get("type") if queue else None
    if kind is not None and kind.text == "fifo":
        yield _at(config, "fifo", kind)
    # A Python step that shares its process has neither limit, here as under Motia.
    for key in () if config.is_python else ("ram", "cpu"):
        entry = handler.inner.get(key) if handler else None
        if entry is not None:
            yield _at(config, "ram-cpu", entry, f"handler.{key}")


def _route(config: Config) -> Iterator[Finding]:
    method, path = config.keys.get("method"), config.keys.get("path")
    if method is not None and method.text == "OPTIONS":
        yield _at(config, "options", method)
    if path is not None and path.text:
        problem = problem_of(METHODS[0], path.text)
        if problem:
            yield _at(config, "route", path, problem)


def _cron(config: Config, entry: Entry) -> Iterator[Finding]:
    if entry.text is None:
        return
    try:
        Schedule(entry.text, "UTC")
    except ConfigError as error:
        yield _at(config, "cron", entry, error.reason)
        return
    days = _DAYS.search(entry.text.strip())
    if days and not {days["day"], days["weekday"]} & {"*", "?"}:
        yield _at(config, "cron-days", entry, entry.text)


def _at(config: Config, rule: str, entry: Entry, detail: str = "") -> Finding:
    return Finding(rule=rule, file=config.file, line=entry.line, detail=detail)
