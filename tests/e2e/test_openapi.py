"""The examples do what their OpenAPI documents say, whatever is sent to them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import schemathesis
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis.core.result import Ok

from motia_actors.testing.harness import Harness
from tests.e2e.server import EXAMPLES, copy_project

TOKEN = {"authorization": "Bearer secret"}
CASES = 25


@pytest.fixture(params=["hello", "orders"])
def harness(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Harness]:
    project = copy_project(EXAMPLES / request.param, tmp_path / request.param)
    with Harness(project, settings={"control_token": "secret", "log_level": "error"}) as harness:
        yield harness


def test_the_document_is_valid_and_the_page_refers_to_it(harness: Harness) -> None:
    api = harness.request("GET", "/openapi.json", headers=TOKEN).json
    page = harness.request("GET", "/openapi", headers=TOKEN)

    OpenAPIV31SpecValidator(api).validate()
    assert api["paths"]
    assert "openapi.json" in page.text
    assert "http" not in page.text.replace("http-equiv", "")
    assert harness.request("GET", "/openapi.json").status == 401


@pytest.mark.slow
def test_nothing_that_schemathesis_sends_finds_a_fault(harness: Harness) -> None:
    api: dict[str, Any] = harness.request("GET", "/openapi.json", headers=TOKEN).json
    schema = schemathesis.openapi.from_wsgi(
        "/openapi.json", app=harness._running.front.app, headers=TOKEN
    )
    settings = hypothesis.settings(
        max_examples=CASES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    asked = 0
    for result in schema.get_all_operations():
        assert isinstance(result, Ok)
        operation = result.ok()

        @settings
        @hypothesis.given(case=operation.as_strategy())
        def check(case: schemathesis.Case[Any]) -> None:
            nonlocal asked
            case.call_and_validate(headers=TOKEN)
            asked += 1

        check()

    assert asked >= sum(len(path) for path in api["paths"].values())
