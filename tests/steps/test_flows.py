"""Flows as the workbench draws them."""

from __future__ import annotations

import uuid
from pathlib import Path

from motia_actors.steps.flows import drawing_id, flows
from tests.steps.reports import API, CRON, EVENT, NOOP
from tests.steps.test_catalog import a_step, catalog_of

ROOT = Path("/project")


def test_a_flow_has_its_steps_and_an_edge_for_each_topic() -> None:
    emits = [{"topic": "t", "label": "ok", "conditional": True}]
    api = a_step(API, "src/a.step.ts", flows=["f"], emits=emits, bodySchema={"type": "object"})
    event = a_step(EVENT, "steps/e_step.py", flows=["f"], emits=["done"], description="works")
    source, target = drawing_id(ROOT, api), drawing_id(ROOT, event)

    [flow] = flows(catalog_of(api, event))

    assert (flow["id"], flow["name"]) == ("f", "f")
    assert flow["steps"][0] == {
        "id": source,
        "name": "src/a.step.ts",
        "type": "api",
        "filePath": "src/a.step.ts",
        "language": "typescript",
        "subscribes": [],
        "emits": emits,
        "virtualEmits": [],
        "virtualSubscribes": [],
        "action": "webhook",
        "webhookUrl": "GET /a",
        "bodySchema": {"type": "object"},
    }
    assert flow["steps"][1]["subscribes"] == ["t"]
    assert flow["steps"][1]["emits"] == ["done"]
    assert flow["steps"][1]["description"] == "works"
    assert flow["edges"] == [
        {
            "id": f"{source}-{target}",
            "source": source,
            "target": target,
            "data": {
                "variant": "event",
                "topic": "t",
                "label": "ok",
                "labelVariant": "conditional",
            },
        }
    ]


def test_virtual_topics_are_drawn_as_such() -> None:
    noop = a_step(NOOP, "n", flows=["f"], virtualEmits=["go"], virtualSubscribes=["x"])
    api = a_step(API, "a", flows=["f"], virtualSubscribes=["go"])

    [flow] = flows(catalog_of(noop, api))

    assert [edge["data"] for edge in flow["edges"]] == [
        {"variant": "virtual", "topic": "go", "labelVariant": "default"}
    ]
    assert flow["steps"][0]["emits"] == []
    assert flow["steps"][0]["subscribes"] == ["x"]
    assert flow["steps"][1]["subscribes"] == ["go"]


def test_a_cron_step_shows_its_expression() -> None:
    [flow] = flows(catalog_of(a_step(CRON, "c", flows=["f"])))

    assert flow["steps"][0]["cronExpression"] == "0 9 * * *"


def test_steps_of_different_flows_are_not_connected() -> None:
    api = a_step(API, "a", flows=["f"], emits=["t"])
    event = a_step(EVENT, "e", flows=["g", "h"])
    hidden = a_step(CRON, "c")

    drawn = flows(catalog_of(api, event, hidden))

    assert [(flow["id"], len(flow["steps"]), flow["edges"]) for flow in drawn] == [
        ("f", 1, []),
        ("g", 1, []),
        ("h", 1, []),
    ]


def test_a_component_beside_the_step_is_its_picture(tmp_path: Path) -> None:
    (tmp_path / "a.step.tsx").touch()
    catalog = catalog_of(a_step(API, "a.step.ts", flows=["f"]))

    [flow] = flows(type(catalog)(root=tmp_path, steps=catalog.steps))

    assert flow["steps"][0]["nodeComponentPath"] == str(tmp_path / "a.step.tsx")


def test_the_id_is_motia_s_for_the_same_file() -> None:
    namespace = uuid.UUID("7f1c3ff2-9b00-4d0a-bdd7-efb8bca49d4f")

    assert drawing_id(ROOT, a_step(API, "src/a.step.ts")) == str(
        uuid.uuid5(namespace, "/project/src/a.step.ts")
    )
