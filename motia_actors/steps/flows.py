"""Say how a project's flows are drawn: their steps, and an edge for each topic between two.

Source: Motia 0.17 FlowResponse, as its workbench reads it from the stream `__motia.flows`.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from motia_actors.steps.catalog import Catalog
from motia_actors.steps.config import Emit, Step

NAMESPACE = uuid.UUID("7f1c3ff2-9b00-4d0a-bdd7-efb8bca49d4f")
LANGUAGES = {".py": "python", ".ts": "typescript", ".js": "javascript", ".rb": "ruby"}


def drawing_id(root: Path, step: Step) -> str:
    """The id of a step in drawings and in `GET /__motia/step/:stepId`."""
    return str(uuid.uuid5(NAMESPACE, str(root / step.id)))


def flows(catalog: Catalog) -> list[dict[str, Any]]:
    """All flows of the project as FlowResponse objects, by name."""
    names = sorted({name for step in catalog.steps for name in step.flows})
    return [_flow(catalog, name) for name in names]


def _flow(catalog: Catalog, name: str) -> dict[str, Any]:
    steps = [step for step in catalog.steps if name in step.flows]
    return {
        "id": name,
        "name": name,
        "steps": [_drawn(step, catalog.root) for step in steps],
        "edges": _edges(steps, catalog.root),
    }


def _drawn(step: Step, root: Path) -> dict[str, Any]:
    drawn: dict[str, Any] = {
        "id": drawing_id(root, step),
        "name": step.name,
        # Motia's own drawing knows steps of one type.
        "type": step.bindings[0].kind,
        "description": step.description,
        "filePath": step.id,
        "language": LANGUAGES.get(Path(step.id).suffix, "unknown"),
        "nodeComponentPath": _node_component(root / step.id),
        "subscribes": list(_subscribes(step)),
        "emits": [] if step.kind == "noop" else [_emit(emit) for emit in step.emits],
        "virtualEmits": [_emit(emit) for emit in step.virtual_emits],
        "virtualSubscribes": list(step.virtual_subscribes),
    }
    for one in step.bindings:
        if one.kind == "api" and "action" not in drawn:
            drawn["action"] = "webhook"
            drawn["webhookUrl"] = f"{one.method} {one.path}"
            drawn["bodySchema"] = one.body_schema
    if step.cron:
        drawn["cronExpression"] = step.cron
    return {key: value for key, value in drawn.items() if value is not None}


def _subscribes(step: Step) -> tuple[str, ...]:
    return step.virtual_subscribes if step.kind in ("api", "noop") else step.subscribes


def _emit(emit: Emit) -> str | dict[str, Any]:
    drawn: dict[str, Any] = {"topic": emit.topic}
    if emit.label is not None:
        drawn["label"] = emit.label
    if emit.is_conditional:
        drawn["conditional"] = True
    return drawn if len(drawn) > 1 else emit.topic


def _node_component(path: Path) -> str | None:
    for suffix in (".tsx", ".jsx"):
        beside = path.with_suffix(suffix)
        if beside.is_file():
            return str(beside)
    return None


def _edges(steps: Sequence[Step], root: Path) -> list[dict[str, Any]]:
    return [
        _edge(drawing_id(root, source), drawing_id(root, target), emit, variant)
        for source in steps
        for variant, emits in (("event", source.emits), ("virtual", source.virtual_emits))
        for emit in emits
        for target in steps
        if emit.topic in target.subscribes or emit.topic in target.virtual_subscribes
    ]


def _edge(source: str, target: str, emit: Emit, variant: str) -> dict[str, Any]:
    data: dict[str, Any] = {
        "variant": variant,
        "topic": emit.topic,
        "labelVariant": "conditional" if emit.is_conditional else "default",
    }
    if emit.label is not None:
        data["label"] = emit.label
    return {"id": f"{source}-{target}", "source": source, "target": target, "data": data}
