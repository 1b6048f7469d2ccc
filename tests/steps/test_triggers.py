"""A step of several triggers: how it is read, drawn and described, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from motia_actors.steps.catalog import Catalog
from motia_actors.steps.checks import check
from motia_actors.steps.config import Problem, Step
from motia_actors.steps.flows import flows
from motia_actors.steps.lines import located
from motia_actors.steps.openapi import document
from motia_actors.steps.python_types import motia_types_pyi
from motia_actors.steps.reading import read_step
from motia_actors.steps.report import Report
from motia_actors.steps.typescript_types import types_d_ts
from motia_actors.workbench.drawing import drawn

ORDER = {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]}
API = {"type": "api", "method": "POST", "path": "/orders", "bodySchema": ORDER}
PUT = {"type": "api", "method": "PUT", "path": "/orders/:id"}
EVENT = {"type": "event", "subscribes": ("order.made", "order.kept"), "input": ORDER}
CRON = {"type": "cron", "cron": "0 9 * * *"}

PYTHON_TEXT = """config = {
  "name": "A", "triggers": [
    {"type": "cron", "cron": "x", "path": "no"},
    {"type": "api",
     "path": "a"},
  ],
}
"""
SCRIPT_TEXT = """export const config = {
  name: 'A', triggers: [
    { type: 'cron', cron: 'x', path: 'no', input: { type: 'object' } },
    { type: 'api',
      path: 'a' },
  ],
}
"""


def config(*triggers: object, **more: object) -> dict[str, Any]:
    return {"name": "Keep", "flows": ["shop"], "emits": [], "triggers": list(triggers), **more}


def read(*triggers: object, **more: object) -> tuple[Step | None, tuple[Problem, ...]]:
    report = Report("steps/keep_step.py")
    step = read_step(config(*triggers, **more), report, has_handler=True)
    return step, tuple(report.problems)


def step_of(*triggers: object, **more: object) -> Step:
    step, problems = read(*triggers, **more)
    assert step is not None
    assert problems == ()
    return step


def test_a_step_of_several_triggers_is_one_step_seen_by_each() -> None:
    step = step_of(API, EVENT, PUT, CRON, infrastructure={"concurrency": 3})

    assert (step.kind, step.kinds) == ("multi", ("api", "event", "cron"))
    assert step.subscribes == ("order.made", "order.kept")
    assert step.cron == "0 9 * * *"
    post, event, put, cron = step.bindings
    assert (post.kind, post.method, post.path, post.index) == ("api", "POST", "/orders", 0)
    assert (event.kind, event.subscribes, event.input_schema) == (
        "event",
        EVENT["subscribes"],
        ORDER,
    )
    assert (put.kind, put.path, put.index) == ("api", "/orders/:id", 2)
    assert (cron.kind, cron.cron, cron.subscribes) == ("cron", "0 9 * * *", ())
    assert {one.id for one in step.bindings} == {"steps/keep_step.py"}
    assert {one.infrastructure.concurrency for one in step.bindings} == {3}


def test_a_step_of_one_trigger_in_a_list_runs_as_one_of_that_type() -> None:
    step = step_of(EVENT)

    assert step.kinds == ("event",)
    assert step.is_queued


@pytest.mark.parametrize(
    ("triggers", "field", "way_out"),
    [
        ([API, {**EVENT, "subscribes": 7}], "triggers.1.subscribes", "write"),
        ([API, {"type": "event"}], "triggers.1.subscribes", "write subscribes"),
        ([{"type": "http", "path": "/a"}], "triggers.0.type", 'write "api"'),
        ([API, {"type": "queue", "topic": "a"}], "triggers.1.type", 'write "event"'),
        ([API, {"type": "noop"}], "triggers.1.type", "api, event, cron"),
        ([API, {"path": "/a"}], "triggers.1.type", "api, event, cron"),
        ([API, "cron"], "triggers.1", "write {type"),
        ([EVENT, {"type": "api", "path": "/a"}], "triggers.1.method", "write method"),
        ([EVENT, {"type": "api", "method": "GET"}], "triggers.1.path", "write path"),
        ([EVENT, {**API, "method": "FETCH"}], "triggers.1.method", "write one of"),
        ([EVENT, {**CRON, "cron": "0 99 * * *"}], "triggers.1.cron", ""),
        ([CRON, {**CRON, "cron": "@daily"}], "triggers.1.cron", "write another step"),
        ([API, EVENT, API], "triggers.2.path", "remove one"),
        (
            [EVENT, {"type": "event", "subscribes": ["order.kept"]}],
            "triggers.1.subscribes",
            "remove",
        ),
        (
            [CRON, {"type": "event", "subscribes": ["$cron"]}],
            "triggers.1.subscribes",
            "another topic",
        ),
        ([{**API, "middleware": [print]}], "triggers.0.middleware", "beside triggers"),
        ([{**API, "infrastructure": {}}], "triggers.0.infrastructure", "beside triggers"),
        ([], "triggers", "write triggers"),
    ],
)
def test_a_wrong_trigger_is_named_by_its_index(
    triggers: list[object], field: str, way_out: str
) -> None:
    step, problems = read(*triggers)

    assert step is None
    [problem] = [one for one in problems if one.severity == "error"]
    assert problem.field == field
    assert way_out in problem.way_out


@pytest.mark.parametrize(
    ("key", "value"), [("type", "api"), ("path", "/a"), ("subscribes", ["t"]), ("cron", "@daily")]
)
def test_what_a_trigger_says_is_not_said_beside_the_list(key: str, value: object) -> None:
    step, problems = read(EVENT, **{key: value})

    assert step is None
    assert [(one.field, one.severity) for one in problems] == [(key, "error")]


def test_an_unknown_key_of_a_trigger_is_a_warning_with_the_right_word() -> None:
    step, problems = read(API, {**EVENT, "inputSchema": ORDER}, {**CRON, "expression": "x"})

    assert step is not None
    assert [(one.field, one.way_out) for one in problems] == [
        ("triggers.1.inputSchema", "write input"),
        ("triggers.2.expression", "write cron"),
    ]


def test_settings_of_any_of_its_triggers_have_effect() -> None:
    step = step_of(
        API,
        EVENT,
        infrastructure={"rateLimit": {"limit": 5}, "queue": {"debounce": {"wait": 2}}},
    )

    assert step.infrastructure.rate is not None
    assert step.infrastructure.queue.debounce is not None


def test_an_overlap_that_cannot_be_kept_is_a_warning() -> None:
    policy = {"cron": {"overlap": "skip"}}

    step, problems = read(EVENT, CRON, infrastructure=policy)

    assert step is not None
    assert [one.field for one in problems] == ["infrastructure.cron.overlap"]
    assert read(API, CRON, infrastructure=policy)[1] == ()


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("a_step.py", PYTHON_TEXT, 5),
        ("a.step.ts", SCRIPT_TEXT, 5),
    ],
)
def test_a_problem_of_a_trigger_has_its_line(
    tmp_path: Path, name: str, text: str, line: int
) -> None:
    (tmp_path / name).write_text(text, "utf-8")
    problem = Problem(severity="error", file=name, field="triggers.1.path", reason="", way_out="")

    assert located(problem, tmp_path).line == line


def test_routes_and_topics_are_checked_against_other_steps() -> None:
    step = step_of(EVENT, API)
    other = Report("steps/a_step.py")
    first = read_step({"name": "A", "emits": ["x"], **API}, other, has_handler=True)
    assert first is not None

    problems = check([first, step], [])

    assert ("triggers.1.path", "POST /orders is already answered by steps/a_step.py") in [
        (one.field, one.reason.partition(",")[0]) for one in problems
    ]


def test_it_is_one_node_with_all_its_edges_and_each_route_described() -> None:
    catalog = Catalog(root=Path("/shop"), steps=(step_of(API, EVENT, PUT, CRON),))

    [node] = drawn(catalog)["steps"]
    [flow] = flows(catalog)
    paths = document(catalog.steps, title="shop")["paths"]

    assert [one["type"] for one in node["triggers"]] == ["api", "event", "api", "cron"]
    assert [one["path"] for one in node["triggers"]] == ["/orders", "", "/orders/:id", ""]
    assert flow["steps"][0]["webhookUrl"] == "POST /orders"
    assert flow["steps"][0]["cronExpression"] == "0 9 * * *"
    assert flow["steps"][0]["subscribes"] == ["order.made", "order.kept"]
    assert set(paths) == {"/orders", "/orders/{id}"}
    assert "requestBody" in paths["/orders"]["post"]


def test_its_types_are_those_of_all_its_triggers() -> None:
    steps = (step_of(API, EVENT, PUT, CRON), step_of(CRON, name="Alone"))
    catalog = Catalog(root=Path("/shop"), steps=steps)

    script, stub = types_d_ts(catalog), motia_types_pyi(catalog)

    [line] = [line for line in script.splitlines() if line.strip().startswith("'Keep'")]
    assert "MultiHandler<RoutedRequest<{ id: string }, Record<string, string>>" in line
    assert "| { id: string } |" in line
    assert "RoutedRequest<Record<string, unknown>, { id: string }>" in line
    assert "| null," in line
    shown = stub.partition("class Keep:")[2].partition("class Alone:")[0]
    assert shown.count("ApiRequest[") == 2
    assert "Input: TypeAlias = KeepInput" in shown
