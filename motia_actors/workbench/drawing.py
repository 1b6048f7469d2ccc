"""A project as the workbench draws it: steps, streams, flows, and the edges between them.

Edges of topics come from configs. Which streams a step reads and writes no config says, so its
source, and what it imports of the project, is searched for uses of the streams' names.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from motia_actors.steps.catalog import Catalog
from motia_actors.steps.config import Emit, Step, Stream
from motia_actors.steps.flows import LANGUAGES, drawing_id
from motia_actors.steps.naming import find_name

SOURCE_BYTES_MAX = 1 << 20
FILES_MAX = 50
"""Of the project, that one step imports, over several corners."""

_PYTHON_IMPORT = re.compile(r"^\s*(?:from\s+([\w.]+)\s+import\s+([\w, ]+)|import\s+([\w.]+))", re.M)
_NODE_IMPORT = re.compile(r"""(?:from|import|require\()\s*['"](\.{1,2}/[^'"]+)['"]""")
_STREAM_USE = re.compile(
    r"""\bstreams\s*(?:\.\s*(\w+)|\[\s*['"]([^'"]+)['"]\s*\]|\.get\(\s*['"]([^'"]+)['"]\s*\))"""
    r"""\s*\??\.\s*(\w+)"""
)
READS = frozenset({"get", "get_group", "getGroup"})


def drawn(catalog: Catalog) -> dict[str, Any]:
    """The project as JSON has it, with a `version` that changes when anything in it does."""
    project: dict[str, Any] = {
        "name": catalog.root.name,
        "steps": [_step(step, catalog.root) for step in catalog.steps],
        "streams": [_stream(stream) for stream in catalog.streams],
        "flows": sorted({flow for step in catalog.steps for flow in step.flows}),
        "edges": [*_topic_edges(catalog.steps), *_stream_edges(catalog)],
        "problems": [msgspec.to_builtins(problem) for problem in catalog.problems],
    }
    digest = hashlib.sha256(msgspec.json.encode(project, enc_hook=str)).hexdigest()
    return {"version": digest[:16], **project}


def _step(step: Step, root: Path) -> dict[str, Any]:
    return {
        "id": step.id,
        "drawingId": drawing_id(root, step),
        "name": step.name,
        "type": step.kind,
        "triggers": [_trigger(one) for one in step.bindings if one.kind != "noop"],
        "description": step.description,
        "language": LANGUAGES.get(Path(step.id).suffix, "unknown"),
        "flows": list(step.flows),
        "emits": [_emit(emit) for emit in step.emits],
        "virtualEmits": [_emit(emit) for emit in step.virtual_emits],
        "subscribes": list(step.subscribes),
        "virtualSubscribes": list(step.virtual_subscribes),
        "cron": step.cron,
        "cronPolicy": msgspec.to_builtins(step.cron_policy),
        "infrastructure": msgspec.to_builtins(step.infrastructure),
    }


def _trigger(step: Step) -> dict[str, Any]:
    """What sets a step off, as the step that has this trigger alone."""
    return {
        "type": step.kind,
        "subscribes": list(step.subscribes),
        "method": step.method,
        "path": step.path,
        "queryParams": [
            {"name": name, "description": description} for name, description in step.query_params
        ],
        "bodySchema": step.body_schema,
        "responseSchema": step.response_schema,
        "inputSchema": step.input_schema,
        "cron": step.cron,
    }


def _emit(emit: Emit) -> dict[str, Any]:
    return {"topic": emit.topic, "label": emit.label, "conditional": emit.is_conditional}


def _stream(stream: Stream) -> dict[str, Any]:
    return {"name": stream.name, "file": stream.id, "schema": stream.schema}


def _topic_edges(steps: Iterable[Step]) -> Iterator[dict[str, Any]]:
    steps = list(steps)
    hearers: dict[str, list[Step]] = {}
    for step in steps:
        for topic in dict.fromkeys((*step.subscribes, *step.virtual_subscribes)):
            hearers.setdefault(topic, []).append(step)
    for source in steps:
        for kind, emits in (("event", source.emits), ("virtual", source.virtual_emits)):
            for emit in emits:
                for target in hearers.get(emit.topic, ()):
                    is_real = kind == "event" and emit.topic in target.subscribes
                    yield {
                        "source": source.id,
                        "target": target.id,
                        "kind": "event" if is_real else "virtual",
                        "topic": emit.topic,
                        "label": emit.label,
                        "conditional": emit.is_conditional,
                    }


def _stream_edges(catalog: Catalog) -> Iterator[dict[str, Any]]:
    names = [stream.name for stream in catalog.streams]
    if not names:
        return
    texts: dict[Path, str] = {}
    for step in catalog.steps:
        uses: set[tuple[str, str]] = set()
        for path in _files_of(catalog.root, catalog.root / step.id, texts):
            for found in _STREAM_USE.finditer(texts[path]):
                for name in find_name(found[1] or found[2] or found[3], names):
                    uses.add((name, "reads" if found[4] in READS else "writes"))
        for name, kind in sorted(uses):
            ends = {"source": step.id, "target": f"stream:{name}"}
            if kind == "reads":
                ends = {"source": f"stream:{name}", "target": step.id}
            yield {**ends, "kind": kind, "topic": name, "label": None, "conditional": False}


def _files_of(root: Path, first: Path, texts: dict[Path, str]) -> list[Path]:
    """The file and those of the project it imports; their text is left in texts."""
    found: list[Path] = []
    waiting = [first]
    while waiting and len(found) < FILES_MAX:
        path = waiting.pop()
        if path in found:
            continue
        if path not in texts:
            texts[path] = _read(path)
        found.append(path)
        waiting.extend(_imported(root, path, texts[path]))
    return found


def _imported(root: Path, path: Path, text: str) -> Iterator[Path]:
    if path.suffix == ".py":
        for module, names, plain in _PYTHON_IMPORT.findall(text):
            place = root.joinpath(*(module or plain).strip(".").split("."))
            inner = [place / name.strip() for name in names.split(",") if name.strip()]
            for one in (place, place / "__init__", *inner):
                if (candidate := one.with_suffix(".py")).is_file():
                    yield candidate
        return
    for name in _NODE_IMPORT.findall(text):
        place = (path.parent / name).resolve()
        for candidate in (place, *(place.with_suffix(end) for end in (".ts", ".js", ".mjs"))):
            if candidate.is_file() and candidate.is_relative_to(root):
                yield candidate
                break


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(SOURCE_BYTES_MAX).decode("utf-8", "replace")
    except OSError:
        return ""
