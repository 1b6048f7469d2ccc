"""What is written down of control actions."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from motia_actors.settings import SOURCES
from motia_actors.testing import Harness
from motia_actors.web.audit import CHARS_MAX, IDS_MAX, named_in
from tests.e2e.server import write_project

TOKENS = "looker:read:of-somebody-who-looks,ops:write:of-somebody-who-acts"


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def test_each_action_is_kept_with_who_what_and_how_it_ended(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    project = write_project(tmp_path / "project", {"steps/.keep": ""})
    tokens = SOURCES["control_tokens"].read(TOKENS)
    with (
        caplog.at_level(logging.INFO, "motia_actors"),
        Harness(project, settings={"control_tokens": tokens}) as app,
    ):
        ops, looker = bearer("of-somebody-who-acts"), bearer("of-somebody-who-looks")
        body = {"groupId": "users", "key": "bob", "value": {"iban": "hunter2"}}
        assert app.request("POST", "/__motia/state", json=body, headers=ops).status == 200
        assert app.request("POST", "/emit", json={"topic": 1}, headers=ops).status == 400
        assert app.request("POST", "/__motia/state", json=body, headers=looker).status == 403
        assert app.request("GET", "/__motia/state", headers=looker).status == 200

        actions = app.request("GET", "/__motia/audit", headers=looker).json["actions"]

    assert [(one["who"], one["path"], one["status"]) for one in actions] == [
        ("ops", "/emit", 400),
        ("ops", "/__motia/state", 200),
    ]
    assert actions[1]["named"] == {"groupId": "users", "key": "bob"}
    assert actions[1]["method"] == "POST"
    assert actions[1]["at"] > 0
    assert "hunter2" not in str(actions)


def test_what_a_body_names_is_bounded() -> None:
    named = named_in({"key": "k" * 1_000, "ids": ["i" * 1_000] * 1_000, "data": "d", "id": 7})

    assert named == {"key": "k" * CHARS_MAX, "ids": ["i" * CHARS_MAX] * IDS_MAX, "count": 1_000}
    assert named_in([1]) == {}
