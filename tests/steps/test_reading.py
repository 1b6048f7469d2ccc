"""Configs as real projects write them."""

from __future__ import annotations

from typing import Any

import pytest

from motia_actors.steps.config import Emit
from motia_actors.steps.reading import read_step, read_stream
from motia_actors.steps.report import Report
from tests.steps.reports import API, CRON, EVENT, NOOP, read, step_of

OBJECT = {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]}

# What to change in a config, and what the step then has, without any complaint.
ACCEPTED: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    (API, {}, {"method": "GET", "path": "/a", "id": "steps/a_step.py", "flows": ()}),
    (API, {"name": "Test API Endpoint: 1"}, {"name": "Test API Endpoint: 1"}),
    (API, {"flows": []}, {"flows": ()}),
    (API, {"flows": ["a", "b"]}, {"flows": ("a", "b")}),
    (API, {"emits": None}, {"emits": ()}),
    (API, {"emits": ["a.b"]}, {"emits": (Emit(topic="a.b"),)}),
    (API, {"emits": [{"topic": "t"}]}, {"emits": (Emit(topic="t"),)}),
    (
        API,
        {"emits": ["a", {"topic": "t", "label": "L", "conditional": True}]},
        {"emits": (Emit(topic="a"), Emit(topic="t", label="L", is_conditional=True))},
    ),
    (API, {"virtualEmits": [{"topic": "t"}]}, {"virtual_emits": (Emit(topic="t"),)}),
    (API, {"virtualSubscribes": ["v"]}, {"virtual_subscribes": ("v",)}),
    (API, {"includeFiles": ["*.txt"], "middleware": [print]}, {}),
    (API, {"path": "/pets/:id([0-9a-f-]+)"}, {"path": "/pets/:id([0-9a-f-]+)"}),
    (API, {"path": "/files/index.html"}, {"path": "/files/index.html"}),
    (API, {"method": "HEAD"}, {"method": "HEAD"}),
    (API, {"queryParams": ["page"]}, {"query_params": (("page", ""),)}),
    (
        API,
        {"queryParams": [{"name": "page", "description": "which"}, {"name": "n"}]},
        {"query_params": (("page", "which"), ("n", ""))},
    ),
    (API, {"bodySchema": None}, {"body_schema": None}),
    (API, {"bodySchema": {}}, {"body_schema": None}),
    (API, {"bodySchema": OBJECT}, {"body_schema": OBJECT}),
    (API, {"responseSchema": {200: OBJECT}}, {"response_schema": {"200": OBJECT}}),
    (API, {"responseSchema": {"404": None}}, {"response_schema": {"404": {}}}),
    (EVENT, {}, {"kind": "event", "subscribes": ("t",), "input_schema": None}),
    (EVENT, {"input": None}, {"input_schema": None}),
    (EVENT, {"input": OBJECT}, {"input_schema": OBJECT}),
    (CRON, {"cron": "30 5 * * TUE"}, {"cron": "30 5 * * TUE"}),
    (CRON, {"cron": "*/5 * * * * *"}, {"cron": "*/5 * * * * *"}),
    (CRON, {"cron": "*/60 * * * *"}, {"cron": "*/60 * * * *"}),
    (CRON, {"cron": "*/60 * * * * *"}, {"cron": "*/60 * * * * *"}),
    (CRON, {"cron": "50 16 * * 1-5"}, {"cron": "50 16 * * 1-5"}),
    (CRON, {"cron": "@daily"}, {"cron": "@daily"}),
    (NOOP, {}, {"kind": "noop", "virtual_emits": (Emit(topic="go"),)}),
]

# What to change, the field that is complained of, and a part of the way out; the step runs.
WARNED: list[tuple[dict[str, Any], dict[str, Any], str, str]] = [
    (API, {"query": []}, "query", "queryParams"),
    (API, {"body_schema": {}}, "body_schema", "bodySchema"),
    (API, {"emit": []}, "emit", "emits"),
    (API, {"cron": "x"}, "cron", "remove it"),
    (API, {"input": OBJECT}, "input", "bodySchema"),
    (API, {"name": None}, "name", '"a"'),
    (API, {"method": "post"}, "method", '"POST"'),
    (API, {"path": "pets"}, "path", '"/pets"'),
    (API, {"description": 5}, "description", "..."),
    (API, {"flows": "one"}, "flows", '["one"]'),
    (API, {"emits": "one"}, "emits", '["one"]'),
    (API, {"emits": [{"topic": "t", "lable": "L"}]}, "emits.0.lable", "label"),
    (API, {"queryParams": {"page": "which"}}, "queryParams", "name"),
    (API, {"queryParams": [{"nam": "x"}]}, "queryParams.0", "page"),
    (API, {"responseSchema": {"ok": OBJECT}}, "responseSchema.ok", "200"),
    (API, {"responseSchema": [OBJECT]}, "responseSchema", "200"),
    (API, {"bodySchema": {"key": {"type": "string"}}}, "bodySchema", "properties"),
    (API, {"bodySchema": {"type": "strng"}}, "bodySchema", "JSON Schema"),
    (API, {"bodySchema": {"$ref": "http://x.test/s.json"}}, "bodySchema", "$defs"),
    (API, {"bodySchema": "Order"}, "bodySchema", "model class"),
    (API, {"bodySchema": {"default": ...}}, "bodySchema", "model class"),
    (EVENT, {"inputSchema": OBJECT}, "inputSchema", "write input"),
    (EVENT, {"bodySchema": OBJECT}, "bodySchema", "write input"),
    (EVENT, {"subscribes": "t"}, "subscribes", '["t"]'),
    (EVENT, {"subscribes": []}, "subscribes", "topic"),
    (CRON, {"schedule": "0 9 * * *"}, "schedule", "write cron"),
    (CRON, {"timezone": "UTC"}, "timezone", "infrastructure"),
    (NOOP, {"subscribes": ["x"]}, "subscribes", "virtualSubscribes"),
]

# What to change, and the field whose error keeps the step from running.
REFUSED: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    (API, {"type": None}, "type"),
    (API, {"type": "apis"}, "type"),
    (API, {"type": ["api"]}, "type"),
    (API, {"name": 5}, "name"),
    (API, {"path": None}, "path"),
    (API, {"path": ""}, "path"),
    (API, {"method": None}, "method"),
    (API, {"method": "FETCH"}, "method"),
    (API, {"method": ["GET"]}, "method"),
    (API, {"emits": {"topic": "t"}}, "emits"),
    (API, {"emits": [{"event": "t"}]}, "emits.0"),
    (API, {"emits": ["a", ""]}, "emits.1"),
    (API, {"flows": [1]}, "flows"),
    (API, {"queryParams": "page"}, "queryParams"),
    (EVENT, {"subscribes": None}, "subscribes"),
    (EVENT, {"subscribes": [None]}, "subscribes"),
    (CRON, {"cron": None}, "cron"),
    (CRON, {"cron": "0 0 31 2 *"}, "cron"),
    (CRON, {"cron": "every minute"}, "cron"),
    (CRON, {"infrastructure": {"cron": {"timezone": "Moon"}}}, "infrastructure.cron.timezone"),
]


@pytest.mark.parametrize(("base", "change", "expected"), ACCEPTED, ids=repr)
def test_what_motia_takes_is_read_without_complaint(
    base: dict[str, Any], change: dict[str, Any], expected: dict[str, Any]
) -> None:
    step, problems = read(base | change)

    assert problems == []
    assert {key: getattr(step, key) for key in expected} == expected


@pytest.mark.parametrize(("base", "change", "field", "way_out"), WARNED, ids=repr)
def test_a_slip_is_named_with_its_way_out_and_the_step_runs(
    base: dict[str, Any], change: dict[str, Any], field: str, way_out: str
) -> None:
    step, problems = read(base | change)

    assert step is not None
    assert [(problem.severity, problem.field) for problem in problems] == [("warning", field)]
    assert way_out in problems[0].way_out
    assert problems[0].file == "steps/a_step.py"
    assert problems[0].reason


@pytest.mark.parametrize(("base", "change", "field"), REFUSED, ids=repr)
def test_what_has_no_sensible_answer_is_an_error(
    base: dict[str, Any], change: dict[str, Any], field: str
) -> None:
    step, problems = read(base | change)

    assert step is None
    assert [(problem.severity, problem.field) for problem in problems] == [("error", field)]
    assert problems[0].way_out


def test_a_slip_is_mended_where_the_meaning_is_clear() -> None:
    step = step_of(API | {"method": "post", "path": "pets", "name": None, "emits": "t"})

    assert (step.method, step.path, step.name) == ("POST", "/pets", "a")
    assert step.emits == (Emit(topic="t"),)


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("src/doc/00_doc_api_step.py", "00_doc_api"),
        ("steps/my-step.step.ts", "my-step"),
        ("steps/deletion_reaper.cron_step.py", "deletion_reaper.cron"),
    ],
)
def test_a_step_without_a_name_is_called_as_its_file(file: str, name: str) -> None:
    step, _ = read(NOOP | {"name": None}, file=file)

    assert step is not None
    assert step.name == name


def test_only_a_noop_step_may_lack_a_handler() -> None:
    noop, silent = read(NOOP, has_handler=False)
    api, problems = read(API, has_handler=False)

    assert noop is not None
    assert silent == []
    assert api is None
    assert [problem.field for problem in problems] == ["handler"]


def test_every_problem_of_a_config_is_reported_at_once() -> None:
    _, problems = read({"type": "api", "name": 1, "quary": 2, "flows": 3})

    assert [problem.field for problem in problems] == ["quary", "method", "path", "name", "flows"]


def test_the_zone_of_the_project_holds_where_a_step_names_none() -> None:
    report = Report("steps/a_step.py")

    assert read_step(CRON, report, has_handler=True, timezone="Moon") is None
    assert [problem.field for problem in report.problems] == ["infrastructure.cron.timezone"]


def test_a_stream_is_read_as_motia_writes_it() -> None:
    report = Report("steps/chat_stream.py")
    config = {"name": "chat", "schema": OBJECT, "baseConfig": {"storageType": "default"}}

    stream = read_stream(config | {"canAccess": lambda *_: True}, report)

    assert stream is not None
    assert (stream.name, stream.schema, stream.has_can_access) == ("chat", OBJECT, True)
    assert report.problems == []


def test_a_stream_with_a_store_of_its_own_is_kept_like_the_others() -> None:
    report = Report("steps/chat_stream.py")

    stream = read_stream({"name": "chat", "baseConfig": {"storageType": "custom"}}, report)

    assert stream is not None
    assert not stream.has_can_access
    assert [problem.field for problem in report.problems] == ["baseConfig.storageType"]


def test_a_guard_that_cannot_be_called_does_not_open_the_stream() -> None:
    report = Report("steps/chat_stream.py")

    assert read_stream({"name": "chat", "canAccess": "admins"}, report) is None
    assert [problem.severity for problem in report.problems] == ["error"]
