"""New steps and streams for a project that is there: one file each, ready to be edited."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from motia_actors.errors import UsageError

Language = Literal["python", "typescript", "javascript"]
Kind = Literal["api", "event", "cron", "noop"]

LANGUAGES: tuple[Language, ...] = ("python", "typescript", "javascript")
KINDS: tuple[Kind, ...] = ("api", "event", "cron", "noop")
TYPES = {"api": "ApiRouteConfig", "event": "EventConfig", "cron": "CronConfig"}


class StepPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What a new step is to be; what is empty gets a value that fits its name."""

    name: str
    kind: Kind
    language: Language = "python"
    path: str = ""
    method: str = "POST"
    topic: str = ""
    cron: str = ""
    emits: tuple[str, ...] = ()
    flows: tuple[str, ...] = ()


def write_step(folder: Path, plan: StepPlan) -> Path:
    """Write a step into folder; answers its file.

    Raises:
        UsageError: the name has no letters, or its file is there already.
    """
    words = _words(plan.name)
    config = _config(plan, words)
    if plan.language == "python":
        return _write(folder / f"{'_'.join(words)}_step.py", _python(plan, config))
    ending = "ts" if plan.language == "typescript" else "js"
    return _write(folder / f"{'-'.join(words)}.step.{ending}", _script(plan, config))


def write_stream(folder: Path, name: str, *, language: Language = "python") -> Path:
    """Write a stream into folder; answers its file. Raises UsageError as write_step does."""
    words = _words(name)
    config = {
        "name": name,
        "schema": {"type": "object", "properties": {"text": {"type": "string"}}},
        "baseConfig": {"storageType": "default"},
    }
    if language == "python":
        text = f'"""What is pushed to whoever watches {name}."""\n\nconfig = {_shown(config)}\n'
        return _write(folder / f"{'_'.join(words)}_stream.py", text)
    if language == "javascript":
        text = f"export const config = {_scripted(config)};\n"
        return _write(folder / f"{'-'.join(words)}.stream.js", text)
    text = (
        "import type { StreamConfig } from 'motia';\n\n"
        f"export const config: StreamConfig = {_scripted(config)};\n"
    )
    return _write(folder / f"{'-'.join(words)}.stream.ts", text)


def _write(path: Path, text: str) -> Path:
    if path.exists():
        raise UsageError(f"{path} is there already; choose another name")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def _words(name: str) -> list[str]:
    """`CreateOrder`, `create-order` and `create order` as `["create", "order"]`."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+", " ", name)
    words = parted.lower().split()
    if not any(re.match("[a-z]", word) for word in words):
        raise UsageError(f"{name!r} cannot name a file; use letters and digits, as in CreateOrder")
    return words


def _config(plan: StepPlan, words: list[str]) -> dict[str, Any]:
    config: dict[str, Any] = {"name": plan.name, "type": plan.kind}
    topic = ".".join(words)
    match plan.kind:
        case "api":
            config |= {"path": plan.path or f"/{'-'.join(words)}", "method": plan.method}
            if plan.method in ("POST", "PUT", "PATCH"):
                config["bodySchema"] = {"type": "object", "properties": {}}
        case "event":
            config["subscribes"] = [plan.topic or topic]
        case "cron":
            config["cron"] = plan.cron or "*/5 * * * *"
        case "noop":
            config |= {"virtualSubscribes": [plan.topic or topic], "virtualEmits": []}
    if plan.kind != "noop":
        config["emits"] = list(plan.emits)
    config["flows"] = list(plan.flows)
    return config


def _python(plan: StepPlan, config: Mapping[str, Any]) -> str:
    text = f'"""{_sentence(plan, config)}"""\n\nconfig = {_shown(config)}\n'
    body = f"    context.logger.info({json.dumps(f'{plan.name} runs', ensure_ascii=False)})\n"
    match plan.kind:
        case "api":
            body += '    return {"status": 200, "body": {"ok": True}}\n'
            return f"{text}\n\nasync def handler(req, context):\n{body}"
        case "event":
            return f"{text}\n\nasync def handler(data, context):\n{body}"
        case "cron":
            return f"{text}\n\nasync def handler(context):\n{body}"
        case _:
            return text


def _script(plan: StepPlan, config: Mapping[str, Any]) -> str:
    is_typed = plan.language == "typescript"
    kind = TYPES.get(plan.kind, "NoopConfig")
    text = f"// {_sentence(plan, config)}\n"
    if is_typed:
        handlers = "" if plan.kind == "noop" else ", Handlers"
        text = f"import type {{ {kind}{handlers} }} from 'motia';\n\n{text}"
    text += f"export const config{f': {kind}' if is_typed else ''} = {_scripted(config)};\n"
    if plan.kind == "noop":
        return text
    parameters = {"api": "(req, { logger })", "event": "(data, { logger })"}
    head = parameters.get(plan.kind, "({ logger })")
    typed = f": Handlers[{json.dumps(plan.name)}]" if is_typed else ""
    body = f"  logger.info({json.dumps(f'{plan.name} runs')});\n"
    if plan.kind == "api":
        body += "  return { status: 200, body: { ok: true } };\n"
    return f"{text}\nexport const handler{typed} = async {head} => {{\n{body}}};\n"


def _sentence(plan: StepPlan, config: Mapping[str, Any]) -> str:
    when = "Drawn in the flow, never run"
    match plan.kind:
        case "api":
            when = f"{config['method']} {config['path']}"
        case "event":
            when = f"On {config['subscribes'][0]}"
        case "cron":
            when = f"At {config['cron']}"
    # It stands in a docstring and in a comment of one line.
    return re.sub(r"[\"\\\\\x00-\x1f]", " ", f"{when}: say here what it does.")


def _shown(value: object, depth: int = 0) -> str:
    """A value as Python is written: one line where it fits, else an item a line."""
    line = json.dumps(value, ensure_ascii=False)  # Texts, lists and dicts of them look the same.
    if depth and len(line) + 4 * depth < 80:
        return line
    inner = " " * 4 * (depth + 1)
    assert isinstance(value, dict), "only dicts grow that long"
    items = "".join(
        f"{inner}{json.dumps(key)}: {_shown(item, depth + 1)},\n" for key, item in value.items()
    )
    return f"{{\n{items}{' ' * 4 * depth}}}"


def _scripted(value: Mapping[str, Any]) -> str:
    """A value as JavaScript is written: keys bare, an item a line."""
    items = "".join(f"  {key}: {_inline(item)},\n" for key, item in value.items())
    return f"{{\n{items}}}"


def _inline(value: object) -> str:
    if isinstance(value, dict):
        items = ", ".join(f"{key}: {_inline(item)}" for key, item in value.items())
        return f"{{ {items} }}" if items else "{}"
    if isinstance(value, list):
        return f"[{', '.join(map(_inline, value))}]"
    is_plain = isinstance(value, str) and not re.search(r"['\\\\\x00-\x1f]", value)
    return f"'{value}'" if is_plain else json.dumps(value)
